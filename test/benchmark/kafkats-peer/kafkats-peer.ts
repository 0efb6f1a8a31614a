/**
 * Sum per key as a user of @kafkats/flow writes it: exactly once, changelog on, its own store (in memory, the only one it brings).
 *
 *   node kafkats-peer.ts <folder of the package> <brokers> <application> <input> <output> <commit interval ms>
 *
 * Runs until SIGTERM, or until its stdin ends, which means that the harness has died.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Payment } from '../kappa/payments.ts'
import type { Total } from '../kappa/totals.ts'

/** As much of the package as is used here; it is installed by the benchmark and no dependency of this repository. */
interface KafkatsFlow {
  flow(settings: object): {
    stream(
      topic: string,
      options: object,
    ): {
      groupByKey(options: object): {
        aggregate(
          initial: () => Total,
          add: (key: string, payment: Payment, total: Total) => Total,
          options: object,
        ): { toStream(): { to(topic: string, options: object): void } }
      }
    }
    start(): Promise<void>
    close(): Promise<void>
  }
  string(): object
  json(): object
}

const [, , folder = '', brokers = '', application = '', input = '', output = '', commitIntervalMs = '100'] = process.argv
const entry = pathToFileURL(join(folder, 'node_modules/@kafkats/flow/dist/index.js')).href
// Of another package, whose version is pinned in kafkats.ts.
const { flow, string, json } = (await import(entry)) as KafkatsFlow

const key = string()
const value = json()
const app = flow({
  applicationId: application,
  client: { brokers: brokers.split(','), clientId: application },
  processingGuarantee: 'exactly_once',
  commitIntervalMs: Number(commitIntervalMs),
  consumer: { autoOffsetReset: 'earliest' },
  changelog: { replicationFactor: 1 },
})
app
  .stream(input, { key, value, offsetReset: 'earliest' })
  .groupByKey({ key, value })
  .aggregate(
    () => ({ sum: 0, count: 0 }),
    (_, payment, total) => ({ sum: total.sum + payment.amount, count: total.count + 1 }),
    { storeName: 'sum', key, value },
  )
  .toStream()
  .to(output, { key, value })

process.stdin.on('end', () => process.exit(1))
process.stdin.resume()
process.on('SIGTERM', () => void app.close().finally(() => process.exit(0)))
await app.start()
