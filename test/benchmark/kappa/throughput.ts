/** A workload on a preloaded input: the contenders in turn, each time as a new application with empty state, each output checked. */
import { ContenderProcess } from './contender-process.ts'
import type { Contender, ContenderName, MillraceOptions } from './contenders.ts'
import type { Ground, LoadedInput, NamedWorkload } from './ground.ts'
import { measure, type Measurement } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { lineOf } from './report.ts'
import { checkOutput, makeTopic } from './topics.ts'
import type { InputSize } from './workload.ts'

export interface ThroughputRun {
  readonly threads: number
  readonly commitIntervalMs: number
}

/** What the command line says goes before what the workload says. Undefined: left out of a quick run. */
export function sizeOf({ workload }: NamedWorkload, options: BenchOptions): InputSize | undefined {
  const own = options.quick ? workload.quick : workload.full
  // Asked for by name it runs all the same, as small as the others.
  const size = own ?? (options.only.length > 0 ? { records: 200_000, keys: Math.min(workload.full.keys, 200_000) } : undefined)
  if (size === undefined) return undefined
  return {
    records: options.records ?? size.records,
    keys: options.keys ?? size.keys,
    partitions: workload.partitions ?? options.partitions,
  }
}

/** Who goes first changes with the round, so that a drift of the machine hits both. */
export function order(round: number, contenders: readonly ContenderName[]): readonly ContenderName[] {
  return round % 2 === 1 ? contenders : contenders.toReversed()
}

export async function throughput(ground: Ground, one: NamedWorkload, size: InputSize): Promise<readonly Measurement[]> {
  const { options, say } = ground.setup
  const input = await ground.load(one, size)
  const run = { threads: one.workload.threads ?? options.threads, commitIntervalMs: options.commitIntervalMs }
  const done: Measurement[] = []
  const rounds = Math.min(options.rounds, one.workload.roundsMax ?? options.rounds)
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of order(round, contendersOf(one, options))) {
      const measured = await throughputOnce(ground, one, name, { input, round, ...run })
      done.push(measured)
      say(lineOf(measured))
    }
  }
  await ground.remove(input.topic)
  return done
}

export function contendersOf({ workload }: NamedWorkload, { contender }: BenchOptions): readonly ContenderName[] {
  const able: readonly ContenderName[] = workload.peer === undefined ? ['millrace'] : ['kafka-streams', 'millrace']
  return able.filter((name) => contender === undefined || name === contender)
}

export async function throughputOnce(
  ground: Ground,
  one: NamedWorkload,
  name: ContenderName,
  given: ThroughputRun & Omit<FreshRun, 'mayStandStill'> & { readonly millraceOptions?: Partial<MillraceOptions> },
): Promise<Measurement> {
  const { threads, commitIntervalMs, input, millraceOptions } = given
  const names = { brokers: ground.setup.brokers, input: input.topic, workload: one.name, threads, commitIntervalMs }
  return onFreshOutput(ground, `${name} (${one.name})`, given, (application, output) =>
    ground.contender(name, one, { ...names, application, output, stateDirectory: ground.stateDirectory(application) }, millraceOptions),
  )
}

export interface FreshRun {
  readonly input: LoadedInput
  readonly round: number
  readonly commitIntervalMs: number
  /** Measures what stands still up to there, and does not judge its output then. Default: that fails. */
  readonly mayStandStill?: boolean
  /** Share of the records that is left out of what is measured. Default 0.3. */
  readonly warmUp?: number
}

/** Runs a contender on an output of its own, checks the output, and removes it with all that the contender has made. */
export async function onFreshOutput(
  ground: Ground,
  who: string,
  { input, round, commitIntervalMs, mayStandStill = false, warmUp }: FreshRun,
  contenderOf: (application: string, output: string) => Contender,
): Promise<Measurement> {
  const { log, brokerPid } = ground.setup
  const application = ground.fresh('run')
  const output = `${application}-output`
  const { partitions } = input
  await makeTopic(log, output, partitions)
  const child = new ContenderProcess(contenderOf(application, output))
  let measured: Measurement
  try {
    const watched = { group: child.contender.group, application, ends: input.ends, output, commitIntervalMs }
    measured = await measure(log, child, watched, { round, brokerPid, mayStandStill, warmUp })
  } finally {
    await child.end()
  }
  const results = measured.stoodStill === true ? undefined : await checkOutput(log, who, output, partitions, input.plan.check())
  await ground.remove(application)
  return { ...measured, ...(results === undefined ? {} : { results }) }
}
