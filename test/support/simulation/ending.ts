/** What must hold when a simulated run has come to rest. */
import { decodeMarker } from '../../../libs/runtime/task/commit-record.ts'
import type { Task } from '../../../libs/runtime/task/task.ts'
import type { UnsettledLayer } from '../../../libs/runtime/task/run-context.ts'
import type { LogRecord } from '../../../libs/runtime/ports/log.ts'
import { readChangelogRecord } from '../changelog-records.ts'
import { MARK_KEY, REGISTRY_KEY, STEP_BYTES } from '../../../libs/state/key-layout.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import type { EngineSimulation } from './engine-simulation.ts'
import type { Facts, Written } from './scenario.ts'

export interface Ending {
  readonly expected: Facts
  readonly found: Facts
}

type Counted = Record<'all' | 'filtered' | 'late' | 'dropped', number>

export async function endingOf(simulation: EngineSimulation): Promise<Ending> {
  const { app, scenario, inputs, commits, happenings } = simulation
  await simulation.calmDown()
  // Markers that are held back, and timers of the clock.
  await app.clock.pass(5_000)
  await app.settle()
  simulation.followCommits()
  inputs.catchUp()
  for (const seat of simulation.live()) seat.worker.status()
  const counted = countRecords(simulation)
  const openTransactions = await findOpenTransactions(simulation)
  const positions = await comparePositions(simulation)
  const kept = contents(app.tasks())
  const folded = foldChangelogs(simulation, app.tasks())
  const facts = scenario.found(await readOutcome(simulation, counted))
  countWhatTasksDid(simulation)
  for (const seat of simulation.live()) await simulation.stop(seat)
  // A worker with an empty disk must come to the very state that the others keep.
  await app.run({ home: memoryHome() })
  const restored = contents(app.tasks())
  // The stops may have committed, too.
  simulation.followCommits()
  const placeOf = (name: string) => {
    const task = [...simulation.tasks].find((one) => one.name === name)?.context.task
    return task === undefined ? undefined : { topic: task.commitTopic, partition: task.partition }
  }
  const notes = app.seats.filter(({ killed }) => !killed).flatMap((seat) => seat.notes)
  happenings.count('commit', commits.commits)
  const sound = {
    storeDifferences: [],
    changelogDifferences: [],
    openTransactions: [],
    positions: [],
    commits: [],
    marks: [],
    errors: [],
    moved: [],
  }
  const ending: Ending = {
    expected: { ...scenario.expected(simulation.history()), counted: inputs.records.flat().length, ...sound },
    found: {
      ...facts,
      counted: counted.all,
      storeDifferences: differences('kept', kept, 'restored', restored),
      changelogDifferences: differences('kept', kept, 'changelog', folded),
      openTransactions,
      positions,
      commits: commits.violations,
      marks: simulation.marks.unknownTo(commits, placeOf),
      errors: notes.filter(({ level }) => level === 'error').map(({ message }) => message),
      // Nobody moves offsets but for a reset.
      moved: notes.filter(({ message }) => /offsets were (set|missing)/.test(message)).map(({ message }) => message),
    },
  }
  return simulation.starts === undefined ? ending : { expected: inEpoch(ending.expected), found: inEpoch(ending.found) }
}

/** Counters are of all epochs together, so they say nothing after a reset. */
const countedByTasks = new Set(['counted', 'filtered', 'late', 'moved'])
const inEpoch = (facts: Facts): Facts => Object.fromEntries(Object.entries(facts).filter(([name]) => !countedByTasks.has(name)))

/** The newest, and what says of a result that it is of that one. */
function writerOf({ app, commits }: EngineSimulation): string {
  const epochs = app.tasks().map(({ context }) => commits.newest(context.task.commitTopic, context.task.partition)?.epoch ?? 1)
  return `/${Math.max(1, ...epochs)}`
}

const isOf = (record: LogRecord, writer: string): boolean =>
  record.headers.some(([name, value]) => name === 'millrace' && Buffer.from(value).toString('utf8').endsWith(writer))

function countRecords({ tasks, commits, scenario }: EngineSimulation): Counted {
  const sum: Counted = { all: 0, filtered: 0, late: 0, dropped: 0 }
  const add = (task: Task, counts: UnsettledLayer['counts']): void => {
    const isFirst = task.context.task.inputs.some(({ topic }) => topic === scenario.input)
    if (isFirst) sum.all += counts.processed + counts.filtered + counts.late + counts.refused + counts.dropped
    sum.late += counts.late
    sum.filtered += counts.filtered
    sum.dropped += counts.dropped
  }
  for (const task of tasks) {
    add(task, task.totals)
    const { commitTopic, partition } = task.context.task
    // It ended before it could know, and count.
    if (task.unsettled !== undefined && commits.happened(commitTopic, partition, task.unsettled.record)) add(task, task.unsettled.counts)
  }
  return sum
}

function countWhatTasksDid({ tasks, happenings, app }: EngineSimulation): void {
  for (const { history } of tasks) {
    happenings.count('fencing', history.fenced)
    happenings.count('acquired again', history.aborts)
  }
  for (const { message } of app.seats.flatMap(({ notes }) => notes)) {
    if (message.includes('is wiped')) happenings.count('store wiped', 1)
    if (message.includes('restored')) happenings.count('restore', 1)
  }
}

async function readOutcome(simulation: EngineSimulation, counts: Counted): Promise<Parameters<EngineSimulation['scenario']['found']>[0]> {
  const { app, scenario } = simulation
  const writer = writerOf(simulation)
  const written = new Map<string, Written[]>()
  const names = await app.log.admin.listTopics()
  const partitionsOf = await app.log.admin.describeTopics(names)
  for (const name of names.filter((one) => !one.startsWith(app.group) && one !== scenario.input)) {
    const list: Written[] = []
    for (let partition = 0; partition < (partitionsOf.get(name)?.partitions ?? 0); partition += 1) {
      for (const { record, kind, state } of app.log.entries(name, partition)) {
        if (kind !== 'data' || state !== 'committed' || !isOf(record, writer)) continue
        const text = record.value === null ? null : Buffer.from(record.value).toString('utf8')
        list.push({ partition, key: Buffer.from(record.key ?? []).toString('utf8'), value: parsedOr(text) })
      }
    }
    written.set(name, list)
  }
  const deadLetters = (await app.read(app.internal('dead-letters'))).filter((record) => isOf(record, writer)).length
  return { output: (topic) => written.get(topic) ?? [], deadLetters, counts }
}

/** Inputs hold garbage on purpose. */
function parsedOr(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return text
  }
}

async function findOpenTransactions({ app }: EngineSimulation): Promise<string[]> {
  const names = await app.log.admin.listTopics()
  const topics = await app.log.admin.describeTopics(names)
  const partitions = [...topics].flatMap(([topic, { partitions: count }]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  )
  const ranges = await app.log.admin.ranges(partitions)
  return [...ranges]
    .filter(([, { end, lastStable }]) => end !== lastStable)
    .map(([id, { end, lastStable }]) => `${id}: ${lastStable} of ${end}`)
}

/** The local store, the commit record and the group's offsets stand for the same positions and the same commit. */
async function comparePositions({ app, commits }: EngineSimulation): Promise<string[]> {
  const wrong: string[] = []
  for (const task of app.tasks()) {
    const { inputs, commitTopic, partition } = task.context.task
    const record = commits.newest(commitTopic, partition)
    const mark = task.held?.state.mark
    const committed = await app.during(app.log.admin.committed(app.group, inputs))
    for (const { id } of inputs) {
      const group = committed.get(id)
      const n = decodeMarker(group?.metadata ?? '')?.n
      const three = [group?.position, record?.positions[id], mark?.positions[id]]
      const isSame = new Set(three).size === 1 && n === record?.n && n === mark?.n
      if (!isSame)
        wrong.push(`${task.name} ${id}: group ${three[0]} (${n}), record ${three[1]} (${record?.n}), store ${three[2]} (${mark?.n})`)
    }
  }
  return wrong
}

/** 'task, key in hexadecimal' → value; without the numbers of steps, which are the store's own. */
type Contents = ReadonlyMap<string, string>

function contents(tasks: readonly Task[]): Contents {
  const all = new Map<string, string>()
  for (const task of tasks) {
    for (const [key, value] of task.held?.store.scan({ from: Buffer.alloc(0), to: undefined, limit: Infinity }) ?? []) {
      if (Buffer.compare(key, MARK_KEY) === 0 || Buffer.compare(key, REGISTRY_KEY) === 0) continue
      all.set(`${task.name} ${Buffer.from(key.subarray(STEP_BYTES + 1)).toString('hex')}`, Buffer.from(value).toString('latin1'))
    }
  }
  return all
}

/** The state as the changelogs alone tell it, by a loop that knows nothing of restore. */
function foldChangelogs({ app }: EngineSimulation, tasks: readonly Task[]): Contents {
  const all = new Map<string, string>()
  for (const { name, context } of tasks) {
    for (const topic of context.task.changelogs.values()) {
      let epoch = 0
      let values = new Map<string, string>()
      for (const { record, kind, state } of app.log.entries(topic, context.task.partition)) {
        if (kind !== 'data' || state !== 'committed') continue
        const change = readChangelogRecord(record)
        if (change.kind === 'fence' || change.epoch < epoch) continue
        if (change.epoch > epoch) values = new Map()
        epoch = change.epoch
        if (change.kind === 'reset') continue
        const key = `${name} ${Buffer.from(change.key).toString('hex')}`
        if (change.value === null) values.delete(key)
        else values.set(key, Buffer.from(change.value).toString('latin1'))
      }
      for (const [key, value] of values) all.set(key, value)
    }
  }
  return all
}

const differences = (leftName: string, left: Contents, rightName: string, right: Contents): string[] =>
  [...new Set([...left.keys(), ...right.keys()])]
    .filter((key) => left.get(key) !== right.get(key))
    .map((key) => `${key}: ${leftName} ${left.get(key)}, ${rightName} ${right.get(key)}`)
