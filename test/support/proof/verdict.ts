/** V1 to V8 of reliability.md at the end of a run: all faults are over, everything is drained. */
import { readWithConsoleConsumer } from '../../../services/demo/console-consumer.ts'
import type { Line } from '../../../services/demo/console-consumer.ts'
import type { EngineRig } from '../engine-rig.ts'
import { textOf } from '../engine-rig.ts'
import { eventually } from '../eventually.ts'
import { kafkaTool } from '../kafka-tool.ts'
import { differences, foundResults, recompute } from './oracle.ts'
import type { Expected } from './oracle.ts'
import { dumpStores, valuesOf } from './stores.ts'
import type { StoreDump } from './stores.ts'

/**
 * The console consumer ends when nothing came for so long, which on a busy machine may be before anything came. Where it has fewer records
 * than our own reader it is asked again with more patience; what it then still lacks is a difference.
 */
const QUIET_MS = [5_000, 20_000, 60_000]
const TRANSACTIONS_END_WITHIN_MS = 60_000
const REBUILT_WITHIN_MS = 180_000
const DIFFERENCES_SHOWN = 5

export interface Check {
  readonly name: string
  readonly passed: boolean
  readonly note: string
}

const check = (name: string, faults: readonly string[], note: string): Check => ({
  name,
  passed: faults.length === 0,
  note: faults.length === 0 ? note : `${faults.length} differences: ${faults.slice(0, DIFFERENCES_SHOWN).join('; ')}`,
})

/** A worker that runs at the end; `down` ends it and answers its exit code. */
export interface ProvedWorker {
  readonly seat: string
  down(signal: 'SIGTERM'): Promise<number | null>
}

export interface VerdictRequest {
  readonly rig: EngineRig
  readonly workers: readonly ProvedWorker[]
  readonly inputPartitions: number
  readonly tasks: number
  readonly say: (text: string) => void
}

export interface Verdict {
  readonly checks: readonly Check[]
  /** Transactions that all tasks have ever committed. */
  readonly committed: number
}

/** Ends the workers. Every check that can still be made is made, also after one has failed. */
export async function verdictOf(request: VerdictRequest): Promise<Verdict> {
  const { rig, say } = request
  say('verify: transactions')
  const checks = [await noOpenTransactions(rig), await noOngoing(rig)]
  const exits = await Promise.all(request.workers.map((worker) => worker.down('SIGTERM')))
  checks.push(
    check(
      'all workers end with code 0',
      exits.filter((code) => code !== 0).map((code) => `code ${code}`),
      `${exits.length} workers`,
    ),
  )
  say('verify: outputs against the input')
  const [input, chains, regions, windows] = [
    await readIndependently(rig, 'orders'),
    await readIndependently(rig, 'chains'),
    await readIndependently(rig, 'regions'),
    await readIndependently(rig, 'windows'),
  ]
  const expected = recompute(input)
  const note = `${input.length} inputs, ${chains.length} links (${expected.quiets} of timers), ${regions.length} counts, ${windows.length} windows, ${expected.late} late`
  checks.push(check('V1-V3 outputs equal the oracle', differences(foundResults(chains, regions, windows), expected), note))
  checks.push(await sameReaders(rig, chains))
  say('verify: state')
  const state = await stateChecks(request, expected)
  return { checks: [...checks, ...state.checks], committed: state.committed }
}

async function readIndependently(rig: EngineRig, name: string): Promise<readonly Line[]> {
  const topic = rig.topic(name)
  const wanted = (await rig.read(topic)).length
  let lines: readonly Line[] = []
  for (const quietMs of QUIET_MS) {
    lines = await readWithConsoleConsumer(rig.brokers, topic, quietMs)
    if (lines.length >= wanted) break
  }
  return lines
}

async function noOpenTransactions(rig: EngineRig): Promise<Check> {
  let open: readonly string[] = []
  await eventually(
    async () => {
      open = [...(await rig.openTransactions()), ...(await openIn(rig, '__consumer_offsets'))]
      if (open.length > 0) throw new Error(open.join(', '))
    },
    TRANSACTIONS_END_WITHIN_MS,
    500,
  ).catch((error: unknown) => (open.length > 0 ? undefined : (open = [String(error)])))
  return check('V4 last stable offset is the high watermark everywhere', open, 'no partition is held back')
}

async function openIn(rig: EngineRig, topic: string): Promise<string[]> {
  const count = (await rig.log.admin.describeTopics([topic])).get(topic)?.partitions ?? 0
  const ranges = await rig.log.admin.ranges(Array.from({ length: count }, (_, partition) => ({ topic, partition })))
  return [...ranges].filter(([, range]) => range.lastStable !== range.end).map(([id]) => id)
}

/** Workers still run and have nothing to do. */
async function noOngoing(rig: EngineRig): Promise<Check> {
  const text = await kafkaTool('org.apache.kafka.tools.TransactionsCommand', rig.brokers, 'list')
  const ongoing = text.split('\n').filter((line) => line.includes(rig.name) && /\b(?:Ongoing|Prepare\w+)\b/u.test(line))
  const count = text.split('\n').filter((line) => line.includes(rig.name)).length
  return check('V7 no transaction is ongoing', ongoing, `${count} transactional ids`)
}

/** Our reader and Kafka's own see the same. */
async function sameReaders(
  rig: EngineRig,
  lines: readonly { readonly partition: number; readonly value: string | null }[],
): Promise<Check> {
  const own = await rig.read(rig.topic('chains'))
  const faults: string[] = []
  for (const partition of new Set([...own, ...lines].map((one) => one.partition))) {
    const theirs = lines.filter((line) => line.partition === partition).map(({ value }) => value)
    const ours = own.filter((one) => one.partition === partition).map(({ value }) => textOf(value))
    const at = ours.findIndex((value, index) => value !== theirs[index])
    if (ours.length !== theirs.length || at >= 0) faults.push(`partition ${partition}: ${ours.length} and ${theirs.length}, from ${at}`)
  }
  return check("V6 our reader and Kafka's own agree", faults, `${own.length} records`)
}

async function stateChecks({ rig, workers, tasks, inputPartitions, say }: VerdictRequest, expected: Expected): Promise<Verdict> {
  const broken: string[] = []
  const onBroken = (text: string): unknown => broken.push(text)
  const local: StoreDump[] = []
  for (const worker of workers) local.push(...(await dumpStores(`${rig.directory}/${worker.seat}`, onBroken)))
  const newest = newestOf(local)
  const committed = await rig.log.admin.committed(
    rig.group,
    [rig.topic('orders'), rig.internal('by-region.repartition')].flatMap((topic) =>
      Array.from({ length: inputPartitions }, (_, partition) => ({ topic, partition })),
    ),
  )
  const stale: string[] = []
  for (const { task, positions } of newest) {
    for (const [id, position] of Object.entries(positions)) {
      const group = [...committed].find(([name]) => name === id)?.[1].position
      if (group !== position) stale.push(`${task}: ${id} is ${position} in the state and ${group} in the group`)
    }
  }
  if (newest.length !== tasks) stale.push(`${newest.length} of ${tasks} tasks have a store: ${newest.map(({ task }) => task).join(', ')}`)
  say('verify: state from changelogs alone')
  const rebuilt = await rebuild(rig, tasks, onBroken)
  const checks = [
    check('V8 positions in the state are those of the group', stale, `${newest.length} tasks, ${committed.size} inputs`),
    check('V5 local state equals the changelogs', [...storeDifferences(newest, rebuilt), ...broken], `${entriesOf(rebuilt)} entries`),
    check('V5 state equals the oracle', oracleDifferences(rebuilt, expected), `${expected.lastLinks.size} keys`),
  ]
  return { checks, committed: newest.reduce((sum, { n }) => sum + n, 0) }
}

/** Of several stores of a task the one with the last commit: others are what a take-over has left. */
function newestOf(dumps: readonly StoreDump[]): StoreDump[] {
  const found = new Map<string, StoreDump>()
  for (const dump of dumps) if (dump.n >= (found.get(dump.task)?.n ?? -1)) found.set(dump.task, dump)
  return [...found.values()]
}

/** A worker with an empty disk has nothing but the changelogs. */
async function rebuild(rig: EngineRig, tasks: number, onBroken: (text: string) => void): Promise<StoreDump[]> {
  const worker = rig.start({ seat: 'rebuilt' })
  await rig.running(worker, tasks, REBUILT_WITHIN_MS)
  await worker.stop()
  return dumpStores(`${rig.directory}/rebuilt`, onBroken)
}

const entriesOf = (dumps: readonly StoreDump[]): number =>
  dumps.flatMap(({ cells }) => [...cells.values()]).reduce((sum, cell) => sum + cell.size, 0)

function storeDifferences(one: readonly StoreDump[], other: readonly StoreDump[]): string[] {
  const faults: string[] = []
  for (const { task, cells } of one) {
    const theirs = other.find((dump) => dump.task === task)?.cells ?? new Map<string, ReadonlyMap<string, string>>()
    for (const name of new Set([...cells.keys(), ...theirs.keys()])) {
      const [left, right] = [cells.get(name), theirs.get(name)]
      const keys = new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])
      for (const key of keys) {
        if (left?.get(key) !== right?.get(key))
          faults.push(`${task} ${name} ${key}: ${left?.get(key)} on disk, ${right?.get(key)} in the log`)
      }
    }
  }
  return faults
}

function oracleDifferences(dumps: readonly StoreDump[], expected: Expected): string[] {
  const compare = (what: string, found: ReadonlyMap<string, unknown>, should: ReadonlyMap<string, unknown>): string[] =>
    [...new Set([...found.keys(), ...should.keys()])].flatMap((key) => {
      const [is, wanted] = [JSON.stringify(found.get(key)), JSON.stringify(should.get(key))]
      return is === wanted ? [] : [`${what} ${key}: ${is}, expected ${wanted}`]
    })
  return [
    ...compare('chain', valuesOf(dumps, 'chain', 'last'), expected.lastLinks),
    ...compare('region', valuesOf(dumps, 'region', 'last'), expected.lastRegions),
  ]
}
