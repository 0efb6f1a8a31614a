/**
 * Measures one contender from outside, both in the same way: from the first record processed until the committed positions of its
 * group have reached the end of the preloaded input. Start-up and rebalance are before that time, an ordered shutdown after it.
 */
import { partitionId, type Log } from '../../../libs/runtime/ports/log.ts'
import { ContenderProcess } from './contender-process.ts'
import type { Contender, ContenderName } from './contenders.ts'
import { machineUsage, usageOf, type MachineUsage, type ProcessUsage } from './process-usage.ts'

export interface Measurement {
  readonly name: ContenderName
  readonly records: number
  readonly seconds: number
  readonly recordsPerSecond: number
  /** Of the second half alone: when compilers and caches are warm. */
  readonly warmRecordsPerSecond: number
  /** From the start of the process to the first record. */
  readonly startSeconds: number
  readonly rssPeakBytes: number
  /** When the first record was processed: what the process needs before it holds any state. */
  readonly rssAtFirstBytes: number
  /** In the measured time, all threads. */
  readonly cpuSeconds: number | undefined
  /** Of the same, the broker's; undefined where it is not a process that we know. */
  readonly brokerCpuSeconds: number | undefined
  /** Share of the machine that processes other than contender, broker and harness took meanwhile. */
  readonly othersShare: number | undefined
}

export interface Input {
  readonly topic: string
  /** End of each partition. */
  readonly ends: readonly number[]
}

const pollMs = 20
const firstWithinMs = 90_000
const stallMs = 60_000

interface Sample {
  readonly at: number
  readonly records: number
}

/** When it resolves the contender has ended in order, and its profile is written. */
export async function measure(log: Log, contender: Contender, input: Input, brokerPid: number | undefined): Promise<Measurement> {
  const child = new ContenderProcess(contender)
  try {
    const first = await within(Promise.race([child.first, child.failed]), firstWithinMs, `${contender.name} has processed nothing`)
    const before = look(child, brokerPid)
    const samples = await Promise.race([samplesUntilEnd(log, contender.group, input, first), child.failed])
    const after = look(child, brokerPid)
    const records = input.ends.reduce((sum, end) => sum + end, 0)
    const end = samples.at(-1)?.at ?? first
    return {
      name: contender.name,
      records,
      seconds: (end - first) / 1_000,
      recordsPerSecond: (records / (end - first)) * 1_000,
      warmRecordsPerSecond: secondHalfRate(samples, records),
      startSeconds: (first - child.startedAt) / 1_000,
      rssPeakBytes: after.contender?.rssPeakBytes ?? 0,
      rssAtFirstBytes: before.contender?.rssBytes ?? 0,
      cpuSeconds: difference(before.contender?.cpuSeconds, after.contender?.cpuSeconds),
      brokerCpuSeconds: difference(before.broker?.cpuSeconds, after.broker?.cpuSeconds),
      othersShare: othersShare(before, after),
    }
  } finally {
    await child.end()
  }
}

interface Look {
  readonly contender: ProcessUsage | undefined
  readonly broker: ProcessUsage | undefined
  readonly harness: ProcessUsage | undefined
  readonly machine: MachineUsage
}

const look = (child: ContenderProcess, brokerPid: number | undefined): Look => ({
  contender: child.usage(),
  broker: brokerPid === undefined ? undefined : usageOf(brokerPid),
  harness: usageOf(process.pid),
  machine: machineUsage(),
})

const difference = (before: number | undefined, after: number | undefined): number | undefined =>
  before === undefined || after === undefined ? undefined : after - before

function othersShare(before: Look, after: Look): number | undefined {
  const ours = (['contender', 'broker', 'harness'] as const).map((who) => difference(before[who]?.cpuSeconds, after[who]?.cpuSeconds))
  if (ours.includes(undefined)) return undefined
  const busy = after.machine.busySeconds - before.machine.busySeconds
  const all = after.machine.allSeconds - before.machine.allSeconds
  return Math.max(0, busy - ours.reduce<number>((sum, one) => sum + (one ?? 0), 0)) / all
}

/**
 * Every partition is watched by itself: the port's answer waits while a transaction is pending on a position, and tasks commit in
 * transactions of their own.
 */
async function samplesUntilEnd(log: Log, group: string, { topic, ends }: Input, first: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [{ at: first, records: 0 }]
  const positions = ends.map(() => 0)
  await Promise.all(
    ends.map(async (end, partition) => {
      let movedAt = Date.now()
      while ((positions[partition] ?? 0) < end) {
        const id = partitionId(topic, partition)
        const position = (await log.admin.committed(group, [{ topic, partition }])).get(id)?.position ?? 0
        if (position !== positions[partition]) {
          movedAt = Date.now()
          positions[partition] = position
          samples.push({ at: movedAt, records: positions.reduce((sum, one) => sum + one, 0) })
        } else if (Date.now() - movedAt > stallMs) {
          throw new Error(`${group} stands at ${id} position ${position} of ${end} for ${stallMs / 1_000} s`)
        }
        if (position < end) await new Promise((resolve) => setTimeout(resolve, pollMs))
      }
    }),
  )
  return samples
}

function secondHalfRate(samples: readonly Sample[], records: number): number {
  const half = samples.find((sample) => sample.records >= records / 2)
  const end = samples.at(-1)
  if (half === undefined || end === undefined || end.at <= half.at) return 0
  return ((end.records - half.records) / (end.at - half.at)) * 1_000
}

async function within<T>(work: Promise<T>, milliseconds: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${milliseconds / 1_000} s`)), milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
