import { describe, expect, it } from '@jest/globals'
import { ManualClock } from '../../../libs/memory/manual-clock.ts'
import { memoryLog } from '../../../libs/memory/memory-log.ts'
import { NO_HEADERS, type Log } from '../../../libs/runtime/ports/log.ts'
import { accountName } from '../../benchmark/kappa/payments.ts'
import { sumWorkload } from '../../benchmark/kappa/sum-workload.ts'
import { checkOutput, endsOf, makeTopic, preload, recordsIn } from '../../benchmark/kappa/topics.ts'
import { sideTopic, type Plan } from '../../benchmark/kappa/workload.ts'
import type { Total } from '../../benchmark/kappa/totals.ts'

const size = { records: 500, keys: 10, partitions: 2 }

async function loaded(): Promise<{ log: Log; plan: ReturnType<ReturnType<typeof sumWorkload>['plan']>; totals: Map<string, Total> }> {
  const log = memoryLog({ clock: new ManualClock() }).connect()
  const plan = sumWorkload({ title: 'sum', full: size, quick: size }).plan(size)
  const totals = new Map<string, Total>()
  const watched = {
    ...plan,
    *records() {
      for (const record of plan.records()) {
        const before = totals.get(record.key.toString()) ?? { sum: 0, count: 0 }
        // Written by the plan.
        const { amount } = JSON.parse(record.value.toString()) as { readonly amount: number }
        totals.set(record.key.toString(), { sum: before.sum + amount, count: before.count + 1 })
        yield record
      }
    },
  }
  await makeTopic(log, 'in', size.partitions)
  await preload(log, 'in', size.partitions, watched)
  await makeTopic(log, 'out', size.partitions)
  return { log, plan, totals }
}

async function write(log: Log, totals: ReadonlyMap<string, Total>): Promise<void> {
  const records = [...totals].map(([key, total]) => ({
    key: Buffer.from(key),
    value: Buffer.from(JSON.stringify(total)),
    timestamp: 1,
    headers: NO_HEADERS,
  }))
  await log.append([{ topic: 'out', partition: 0, records }])
}

describe('a run of the benchmark', () => {
  it('may have inputs beside the first one', async () => {
    const log = memoryLog({ clock: new ManualClock() }).connect()
    const topics = ['in', sideTopic('in', 'right')]
    for (const topic of topics) await makeTopic(log, topic, 1)
    const record = { partition: 0, key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 1 }
    const plan: Plan = {
      *records() {
        yield record
        yield { ...record, side: 'right' }
        yield { ...record, side: 'right' }
      },
      check: () => ({ take: () => undefined, differences: () => [] }),
    }
    await preload(log, 'in', 1, plan)
    expect((await endsOf(log, topics, 1)).map(({ end }) => end)).toEqual([1, 2])
  })

  it('has its whole input in the log before a contender starts', async () => {
    const { log } = await loaded()
    expect(recordsIn(await endsOf(log, ['in'], size.partitions))).toBe(size.records)
  })

  it('counts only when the output is exactly what the oracle says', async () => {
    const { log, plan, totals } = await loaded()
    await expect(checkOutput(log, 'somebody', 'out', size.partitions, plan.check())).rejects.toThrow(
      'somebody computes wrong: 10 differences in 0',
    )
    await write(log, totals)
    await expect(checkOutput(log, 'somebody', 'out', size.partitions, plan.check())).resolves.toBe(10)
    const right = totals.get(accountName(3)) ?? { sum: 0, count: 0 }
    await write(log, new Map([[accountName(3), { ...right, count: right.count + 1 }]]))
    await expect(checkOutput(log, 'somebody', 'out', size.partitions, plan.check())).rejects.toThrow(
      `${accountName(3)}: expected sum ${right.sum}`,
    )
  })
})
