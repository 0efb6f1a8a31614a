/** Brokers that are slow or busy, a worker that is frozen for longer than every time-out: it slows down, gives way, and goes on by itself. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from '@jest/globals'
import { code } from '../../../libs/kafka/wire/api.ts'
import { eventually } from '../../support/eventually.ts'
import { FaultedLedger, PARTITIONS, TASKS } from '../../support/faulted-ledger.ts'
import { answer, hold } from '../../support/fault-proxy/faults.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { scaled } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
const FENCED: readonly number[] = [code.INVALID_PRODUCER_EPOCH, code.PRODUCER_FENCED, code.INVALID_TXN_STATE]
const WITHIN_MS = 180_000
const MIB = 2 ** 20

let ledger: FaultedLedger | undefined
afterEach(() => ledger?.close())

async function open(...words: readonly string[]): Promise<FaultedLedger> {
  const opened = await FaultedLedger.open(kafka.brokers, words)
  ledger = opened
  await opened.rig.running(opened.worker, TASKS)
  await opened.feed()
  await opened.verify()
  return opened
}

/** Resident memory of the process, bytes. */
function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1]) * 1024
}

describe('a storm of CONCURRENT_TRANSACTIONS', () => {
  it(
    'is not noticed by anybody: commits every 5 ms, and the coordinator busy at every second request',
    async () => {
      const storm = await open('--commit-interval-ms=5')
      const { worker, proxy } = storm
      const natural = proxy.watch({ on: 'response', where: (_, codes) => codes?.includes(code.CONCURRENT_TRANSACTIONS) === true })
      let turn = 0
      const added = proxy.always(
        { api: ['AddPartitionsToTxn', 'AddOffsetsToTxn', 'EndTxn'], where: () => ++turn % 2 === 0 },
        answer(code.CONCURRENT_TRANSACTIONS),
      )
      for (let round = 0; round < scaled(20, 200); round++) await storm.feed(500)
      await storm.verify()
      expect(added.hits + natural.hits).toBeGreaterThan(20)
      added.end()
      const begun = performance.now()
      await storm.feed(5_000)
      await storm.verify()
      expect(performance.now() - begun).toBeLessThan(20_000)
      expect(worker.said('is acquired again')).toEqual([])
      expect(worker.lines.filter(({ level }) => level !== 'info')).toEqual([])
    },
    WITHIN_MS,
  )
})

describe('a broker at 1 kB/s', () => {
  it(
    'slows the worker down without filling its memory, and when it is fast again all is caught up',
    async () => {
      const slow = await open()
      const { worker, proxy, rig } = slow
      proxy.throttle(1_000)
      const committed = await rig.committed('orders', PARTITIONS)
      const before = residentBytes(worker.pid)
      const until = performance.now() + scaled(8_000, 120_000)
      for (let round = 0; performance.now() < until; round++) {
        if (round < 4) await slow.feed(20_000)
        expect(residentBytes(worker.pid) - before).toBeLessThan(192 * MIB)
        expect(worker.running).toBe(true)
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
      const { totals } = await worker.status()
      // At most what its buffers may hold, and one answer more for each.
      expect(totals.bufferedBytes).toBeLessThan(TASKS * 6 * MIB)
      expect((await rig.committed('orders', PARTITIONS)) - committed).toBeLessThan(slow.orderCount)
      proxy.throttle(undefined)
      await rig.running(worker, TASKS)
      await slow.verify()
    },
    WITHIN_MS,
  )
})

describe('a worker that is frozen in the middle of a transaction', () => {
  it(
    'for longer than its transaction and its session may last, is fenced when it wakes, and takes its tasks again',
    async () => {
      const frozen = await open('--transaction-timeout-ms=1000')
      const { worker, proxy, rig } = frozen
      const end = hold()
      const ending = frozen.proxy.once({ api: 'EndTxn' }, end)
      await frozen.feed()
      await ending.untilHit()
      expect(await rig.openTransactions()).not.toEqual([])
      worker.signal('SIGSTOP')
      // The broker ends the transaction by itself, and the group goes on without the member.
      await eventually(async () => expect(await rig.openTransactions()).toEqual([]), 60_000, 100)
      await eventually(async () => expect((await rig.log.admin.describeGroup(rig.group)).members).toBe(0), 60_000, 100)
      // What it had on its way is refused. It may not read that any more: it gives its tasks up as soon as it wakes.
      const [codes = []] = await end.release()
      expect(FENCED).toEqual(expect.arrayContaining([...codes]))
      expect(codes).not.toEqual([])
      proxy.heal()
      worker.signal('SIGCONT')
      await worker.untilSaid('is no longer a member of the group')
      await frozen.feed()
      await rig.running(worker, TASKS)
      await frozen.verify()
    },
    WITHIN_MS,
  )
})
