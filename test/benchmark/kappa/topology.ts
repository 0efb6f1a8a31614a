/**
 * One stateful aggregate per key, as a user of Millrace writes it; its peer is ../streams-peer/StreamsPeer.java.
 *
 * Started by contenders.ts, which gives the names of this run in the environment. Says `bench:first <epoch ms>` on stderr when the
 * first record is added, also from a worker's thread, hence written past the streams of Node.
 */
import { writeSync } from 'node:fs'
import { json, text, topic, topology, type } from 'millrace'
import type { Payment, Total } from './workload.ts'

const stderr = 2
const { BENCH_APPLICATION = 'bench', BENCH_INPUT = 'bench-input', BENCH_OUTPUT = 'bench-output' } = process.env

const input = topic(BENCH_INPUT, { key: text, value: json(type<Payment>()) })
const output = topic(BENCH_OUTPUT, { key: text, value: json(type<Total>()) })

let begun = false

function add(total: Total, payment: Payment): Total {
  if (!begun) {
    begun = true
    writeSync(stderr, `bench:first ${Date.now()}\n`)
  }
  return { sum: total.sum + payment.amount, count: total.count + 1 }
}

export default topology(BENCH_APPLICATION, { version: 1 }, (flow) => {
  flow
    .stream(input)
    .aggregate('sum', { initial: (): Total => ({ sum: 0, count: 0 }), add })
    .to(output)
})
