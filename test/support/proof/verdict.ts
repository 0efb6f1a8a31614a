/**
 * The verifier: V1 to V8 of reliability.md at the end of a run, when all faults are over and everything is drained. It reads by
 * Kafka's own Java client (IndependentReader.java). That it finds what it is for: test/integration/proof/verifier.test.ts (V9).
 */
import type { Log } from '../../../libs/runtime/ports/log.ts'
import type { EngineRig } from '../engine-rig.ts'
import { check } from './check.ts'
import type { Check } from './check.ts'
import { copyChecks } from './copy-checks.ts'
import type { SeenTopics } from './copy-checks.ts'
import { IndependentReader } from './independent-reader.ts'
import type { SeenEntry, SeenRecord } from './independent-reader.ts'
import { openChecks, sameRecords } from './log-checks.ts'
import type { Expected } from './oracle.ts'
import { outputChecks } from './output-checks.ts'
import { changelogsAgainstOracle, newestOf, positionsAgainstGroup, storesAgainstChangelogs, storesAgainstRebuilt } from './state-checks.ts'
import { dumpStores } from './stores.ts'
import type { StoreDump } from './stores.ts'

/** More than the transaction time-out of workers (10 s) and the broker's look for such (10 s). */
const TRANSACTIONS_END_WITHIN_MS = 60_000
const REBUILT_WITHIN_MS = 180_000

/** A worker that runs at the end; `down` ends it and answers its exit code. */
export interface ProvedWorker {
  readonly seat: string
  down(signal: 'SIGTERM'): Promise<number | null>
}

export interface VerdictRequest {
  readonly rig: EngineRig
  readonly workers: readonly ProvedWorker[]
  readonly tasks: number
  readonly say: (text: string) => void
  /** Also whether a worker with an empty disk rebuilds the same stores. Default true. */
  readonly withRebuild?: boolean
  /** Our reader, which V6 holds against Kafka's. Default: that of the rig. */
  readonly ours?: Log
  /** Read in the place of these topics of the topology: how the verifier itself is tested. */
  readonly instead?: Readonly<Partial<Record<'chains' | 'regions' | 'windows', string>>>
  readonly transactionsEndWithinMs?: number
  /** Stores that lay on disks on the way, besides what the workers leave. */
  readonly copies?: readonly StoreDump[]
  /**
   * Stores were damaged on purpose: a copy that cannot be opened may wait for its task to come back, where the task has a copy elsewhere.
   * Default false.
   */
  readonly damaged?: boolean
  /** Stays open, for several verdicts. Default: one of its own. */
  readonly reader?: IndependentReader
}

export interface Verdict {
  readonly checks: readonly Check[]
  /** Transactions that all tasks have ever committed. */
  readonly committed: number
}

/** Ends the workers. Every check that can still be made is made, also after one has failed. */
export async function verdictOf(request: VerdictRequest): Promise<Verdict> {
  if (request.reader !== undefined) return await verdictBy(request.reader, request)
  const reader = await IndependentReader.open(request.rig.brokers)
  try {
    return await verdictBy(reader, request)
  } finally {
    await reader.close()
  }
}

async function verdictBy(reader: IndependentReader, request: VerdictRequest): Promise<Verdict> {
  const { rig, workers, say } = request
  say('verify: transactions')
  const open = await openChecks(reader, rig.name, request.transactionsEndWithinMs ?? TRANSACTIONS_END_WITHIN_MS)
  const exits = await Promise.all(workers.map((worker) => worker.down('SIGTERM')))
  const badEnds = exits.filter((code) => code !== 0).map((code) => `code ${code}`)
  say('verify: every record of every topic')
  const everything = await readEverything(reader, request)
  const { records, same } = everything
  const named = (name: string): readonly SeenRecord[] => records.get(name) ?? []
  const { instead = {} } = request
  const { checks, expected } = outputChecks({
    orders: named(rig.topic('orders')),
    chains: named(instead.chains ?? rig.topic('chains')),
    regions: named(instead.regions ?? rig.topic('regions')),
    windows: named(instead.windows ?? rig.topic('windows')),
    deadLetters: named(rig.internal('dead-letters')),
  })
  say('verify: state')
  const state = await stateChecks(reader, request, everything, expected)
  const ends = check('all workers end with code 0', exits.length, badEnds, 'workers')
  return { checks: [...checks, ...open, ...state.checks, same, ends], committed: state.committed }
}

interface Everything {
  readonly records: ReadonlyMap<string, readonly SeenRecord[]>
  readonly changelogs: ReadonlyMap<string, readonly SeenEntry[]>
  /** V6. */
  readonly same: Check
}

async function readEverything(reader: IndependentReader, { rig, ours = rig.log }: VerdictRequest): Promise<Everything> {
  const ranges = (await reader.ranges(rig.name)).filter(({ topic }) => topic.startsWith(rig.name))
  const topics = Map.groupBy(ranges, ({ topic }) => topic)
  const records = new Map<string, readonly SeenRecord[]>()
  const changelogs = new Map<string, readonly SeenEntry[]>()
  const differences: string[] = []
  let compared = 0
  const comparing: ReturnType<typeof sameRecords>[] = []
  for (const [topic, partitions] of topics) {
    const seen = await reader.records(topic)
    comparing.push(sameRecords(ours, partitions, seen))
    records.set(topic, seen)
    const step = between(rig, topic, '.changelog')
    if (step !== undefined) changelogs.set(step, await reader.state(topic))
  }
  for (const found of await Promise.all(comparing)) {
    compared += found.compared
    differences.push(...found.differences)
  }
  const same = check("V6 our reader sees what Kafka's own sees", compared, differences, `records of ${topics.size} topics`)
  return { records, changelogs, same }
}

/** The step whose changelog it is, the sub-topology whose commits stand in it. */
function between(rig: EngineRig, topic: string, suffix: '.changelog' | '.commits'): string | undefined {
  const prefix = `${rig.group}.`
  return topic.startsWith(prefix) && topic.endsWith(suffix) ? topic.slice(prefix.length, -suffix.length) : undefined
}

function seenTopics(rig: EngineRig, records: Everything['records']): SeenTopics {
  const named = (suffix: '.changelog' | '.commits'): Map<string, readonly SeenRecord[]> =>
    new Map([...records].flatMap(([topic, all]) => ((name) => (name === undefined ? [] : [[name, all]]))(between(rig, topic, suffix))))
  return { orders: records.get(rig.topic('orders')) ?? [], changelogs: named('.changelog'), commits: named('.commits') }
}

async function stateChecks(
  reader: IndependentReader,
  request: VerdictRequest,
  { records, changelogs }: Everything,
  expected: Expected,
): Promise<Verdict> {
  const { rig, workers, tasks, copies = [] } = request
  const unreadable: { readonly text: string; readonly task: string }[] = []
  const local: StoreDump[] = []
  for (const worker of workers)
    local.push(...(await dumpStores(`${rig.directory}/${worker.seat}`, (text, task) => unreadable.push({ text, task }))))
  const newest = newestOf(local)
  const isElsewhere = (task: string): boolean => newest.some((dump) => dump.task === task)
  const broken = unreadable.filter(({ task }) => request.damaged !== true || !isElsewhere(task)).map(({ text }) => text)
  const checks = [
    storesAgainstChangelogs(newest, changelogs, broken),
    changelogsAgainstOracle(changelogs, expected),
    ...copyChecks([...local, ...copies], seenTopics(rig, records)),
    positionsAgainstGroup(newest, tasks, await reader.positions(rig.group)),
  ]
  if (request.withRebuild !== false) checks.push(await rebuilt(request, newest))
  return { checks, committed: newest.reduce((sum, { n }) => sum + n, 0) }
}

/** A worker with an empty disk has nothing but the changelogs. */
async function rebuilt({ rig, tasks, say }: VerdictRequest, newest: readonly StoreDump[]): Promise<Check> {
  say('verify: state from changelogs alone')
  const broken: string[] = []
  const worker = rig.start({ seat: 'rebuilt' })
  await rig.running(worker, tasks, REBUILT_WITHIN_MS)
  await worker.stop()
  return storesAgainstRebuilt(newest, await dumpStores(`${rig.directory}/rebuilt`, (text) => broken.push(text)), broken)
}
