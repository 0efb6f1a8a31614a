/**
 * Measures one contender from outside, both in the same way: from the first record processed until the committed positions of its
 * group have reached the end of the preloaded input. Start-up and rebalance are before that time, an ordered shutdown after it.
 */
import { partitionId, type Log } from '../../../libs/runtime/ports/log.ts'
import { ContenderProcess } from './contender-process.ts'
import type { Contender, ContenderName } from './contenders.ts'

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
  readonly cpuSeconds: number | undefined
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

/** `onEnded` is told of the process, so that a profile is complete when this resolves. */
export async function measure(log: Log, contender: Contender, input: Input): Promise<Measurement> {
  const child = new ContenderProcess(contender)
  try {
    const first = await within(Promise.race([child.first, child.failed]), firstWithinMs, `${contender.name} has processed nothing`)
    const atFirst = child.usage()
    const samples = await Promise.race([samplesUntilEnd(log, contender.group, input, first), child.failed])
    const atEnd = child.usage()
    const records = input.ends.reduce((sum, end) => sum + end, 0)
    const end = samples.at(-1)?.at ?? first
    return {
      name: contender.name,
      records,
      seconds: (end - first) / 1_000,
      recordsPerSecond: (records / (end - first)) * 1_000,
      warmRecordsPerSecond: secondHalfRate(samples, records),
      startSeconds: (first - child.startedAt) / 1_000,
      rssPeakBytes: atEnd?.rssPeakBytes ?? 0,
      rssAtFirstBytes: atFirst?.rssBytes ?? 0,
      cpuSeconds: atEnd?.cpuSeconds,
    }
  } finally {
    await child.end()
  }
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
