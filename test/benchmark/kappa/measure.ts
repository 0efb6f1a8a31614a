/** One contender on a preloaded input, measured from outside. Start-up and warm-up are before the measured time, the shutdown after it. */
import type { Log } from '../../../libs/runtime/ports/log.ts'
import type { ContenderProcess } from './contender-process.ts'
import type { ContenderName } from './contenders.ts'
import { machineUsage, usageOf, type MachineUsage, type ProcessUsage } from './process-usage.ts'
import { stretchFrom, warmUpShare, type Sample, type Stretch } from './progress.ts'
import { recordsIn } from './topics.ts'
import { samplesUntilEnd, StandsStill, type Watched } from './watch.ts'

export interface Measurement {
  readonly name: ContenderName
  readonly round: number
  readonly records: number
  /** Records of its output; undefined where nobody has counted them. */
  readonly results?: number
  /** It stood still before the end of its input: `records` are those that it has done. */
  readonly stoodStill?: boolean
  /** After the warm-up. */
  readonly recordsPerSecond: number
  /** From the first commit to the last, warm-up and all. */
  readonly wholeRecordsPerSecond: number
  /** From the start of the process to the first commit. */
  readonly startSeconds: number
  readonly rssPeakBytes: number
  /** After the warm-up, all threads. */
  readonly cpuMicrosecondsPerRecord: number | undefined
  /** Of the same, the broker's; undefined where it is not a process that we know. */
  readonly brokerCpuMicrosecondsPerRecord: number | undefined
  /** Share of the machine that processes other than contender, broker and harness took meanwhile. */
  readonly othersShare: number | undefined
}

export interface Look {
  readonly contender: ProcessUsage | undefined
  readonly broker: ProcessUsage | undefined
  readonly harness: ProcessUsage | undefined
  readonly machine: MachineUsage
}

export interface MeasureOptions {
  readonly round: number
  /** Undefined: not a process that we know. */
  readonly brokerPid: number | undefined
  readonly mayStandStill: boolean
  /** Share of the records that is left out. Default 0.3. */
  readonly warmUp?: number | undefined
}

/** When it resolves all input is committed and the contender still runs; one that `mayStandStill` is measured up to where it does. */
export async function measure(
  log: Log,
  child: ContenderProcess,
  watched: Watched,
  { round, brokerPid, mayStandStill, warmUp }: MeasureOptions,
): Promise<Measurement> {
  const { name } = child.contender
  const look = (): Look => ({
    contender: child.usage(),
    broker: brokerPid === undefined ? undefined : usageOf(brokerPid),
    harness: usageOf(process.pid),
    machine: machineUsage(),
  })
  try {
    const samples = await Promise.race([samplesUntilEnd(log, watched, look), child.failed])
    return conclude({ name, round, records: recordsIn(watched.ends), startedAt: child.startedAt, warmUp }, samples)
  } catch (error) {
    if (!(error instanceof StandsStill) || !mayStandStill) throw error
    const samples = (error as StandsStill<Look>).samples // of the call above
    const done = samples.at(-1)?.positions ?? 0
    return { ...conclude({ name, round, records: done, startedAt: child.startedAt, warmUp }, samples), stoodStill: true }
  }
}

export interface Watching extends Pick<MeasureOptions, 'round' | 'warmUp'> {
  readonly name: ContenderName
  readonly records: number
  /** Of the process, epoch ms. */
  readonly startedAt: number
}

/** Pure. Throws where the run was too short to have a rate. */
export function conclude(
  { name, round, records, startedAt, warmUp = warmUpShare }: Watching,
  samples: readonly Sample<Look>[],
): Measurement {
  const whole = stretchFrom(samples, records, 0)
  const warm = stretchFrom(samples, records, warmUp)
  const first = samples.at(0)
  if (whole === undefined || warm === undefined || first === undefined)
    throw new Error(`${name} has done ${records} records between two looks: too few to measure`)
  return {
    name,
    round,
    records,
    recordsPerSecond: warm.records / warm.seconds,
    wholeRecordsPerSecond: whole.records / whole.seconds,
    startSeconds: (first.at - startedAt) / 1_000,
    rssPeakBytes: warm.to.usage.contender?.rssPeakBytes ?? 0,
    cpuMicrosecondsPerRecord: cpuPerRecord(warm, 'contender'),
    brokerCpuMicrosecondsPerRecord: cpuPerRecord(warm, 'broker'),
    othersShare: othersShare(warm),
  }
}

type Who = 'contender' | 'broker' | 'harness'

function cpuSeconds({ from, to }: Stretch<Look>, who: Who): number | undefined {
  const [before, after] = [from.usage[who]?.cpuSeconds, to.usage[who]?.cpuSeconds]
  return before === undefined || after === undefined ? undefined : after - before
}

function cpuPerRecord(stretch: Stretch<Look>, who: Who): number | undefined {
  const seconds = cpuSeconds(stretch, who)
  return seconds === undefined ? undefined : (seconds / stretch.records) * 1_000_000
}

function othersShare(stretch: Stretch<Look>): number | undefined {
  const ours = (['contender', 'broker', 'harness'] as const).map((who) => cpuSeconds(stretch, who))
  if (ours.includes(undefined)) return undefined
  const { from, to } = stretch
  const busy = to.usage.machine.busySeconds - from.usage.machine.busySeconds
  const all = to.usage.machine.allSeconds - from.usage.machine.allSeconds
  return all === 0 ? undefined : Math.max(0, busy - ours.reduce<number>((sum, one) => sum + (one ?? 0), 0)) / all
}
