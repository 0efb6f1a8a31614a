/**
 * The acquire barrier (engine.md 3): fence, open, restore, compare, and the first transaction. In this order, never another:
 *
 *   1 fence     the transactional id is ours, a former owner is powerless; only now changelogs, offsets and control are read
 *   2 open      the local store, wiped when it cannot be continued
 *   3 restore   each changelog up to the own fence record
 *   4 compare   C with S over the whole vector (barrier.ts decides)
 *   5 commit    the resolved start positions, before a record is processed; or the reset to a new epoch (reset-task.ts)
 */
import { randomUUID } from 'node:crypto'
import { Fault } from '../../faults/fault.ts'
import { fenceKey } from '../../state/changelog.ts'
import type { Store, StoreHome } from '../../state/store.ts'
import { TaskState } from '../../state/task-state.ts'
import { COMMIT_FENCE_KEY } from '../task/commit-record.ts'
import type { CommitRecord, LostTail } from '../task/commit-record.ts'
import type { CommitProbe } from '../task/commit.ts'
import { compareNow, stopFault } from './compare-positions.ts'
import type { Resolved } from './compare-positions.ts'
import { checkTails } from './changelog-tails.ts'
import { readControl } from './control.ts'
import type { ControlView } from './control.ts'
import type { Manifest } from './manifest.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { GroupIdentity, Log, OutgoingRecord, PartitionRecords, TransactionalProducer } from '../ports/log.ts'
import { newestCommitRecord } from './newest-commit.ts'
import { announcedFor } from '../reset/announcement.ts'
import { resetTask } from '../reset/reset-task.ts'
import { deleteRetentionOf, rangeOr, restoreStores, storeVerdict } from './restore.ts'
import type { ChangelogFacts, RestoreProgress } from './restore.ts'
import type { Settings } from '../settings/settings.ts'
import { TaskLedger, markOf } from '../task/task-ledger.ts'
import { TaskTime } from '../task/task-time.ts'
import { commitStart, firstRecord } from './start-commit.ts'
import { takeOver } from '../switch/take-over.ts'
import type { TakeOverContext } from '../switch/take-over.ts'
import { Suppressed } from '../switch/handover.ts'
import { nextOf, refuseResetInSwitch } from '../switch/next-of.ts'
import type { Continuation } from '../switch/task-switch.ts'
import type { VersionSwitch } from '../switch/version-switch.ts'
import type { TaskWiring } from '../worker/wiring.ts'

export interface AcquireContext {
  readonly log: Log
  readonly clock: Clock
  readonly stores: StoreHome
  readonly settings: Settings
  readonly task: TaskWiring
  readonly controlTopic: string
  readonly manifest: Manifest
  readonly cacheBytesMax: () => number
  readonly freezeValues: boolean
  readonly signal: AbortSignal
  readonly probe: CommitProbe
  /** The application has stages that depend on each other. */
  readonly manyStages: boolean
  /** `<app>.v<n>`. */
  readonly application: string
  readonly switching: VersionSwitch
  identity(): GroupIdentity
  /** Announces a new epoch to all stages, where the group's offsets were moved back. */
  announceMove(): Promise<void>
  /** Offsets were moved back anywhere in the application. */
  isMovedBack(): Promise<boolean>
  /** A fault where an epoch was announced meanwhile that is newer than this one. */
  behind(epoch: number): Fault | undefined
  /** A run of the task was told of older offsets than it knew. */
  readonly lostTail: LostTail | undefined
  onFenced(): void
  /** A commit record that stands in the log. */
  onCommitRecord(record: CommitRecord): void
  onRestore(progress: RestoreProgress): void
  onNote(level: 'info' | 'warn', message: string, facts: Readonly<Record<string, unknown>>): void
}

export interface Acquired {
  readonly status: CommitRecord['status']
  readonly producer: TransactionalProducer
  readonly store: Store
  readonly state: TaskState
  readonly ledger: TaskLedger
  readonly time: TaskTime
  /** The state was cleared, and began anew in the ledger's epoch. */
  readonly wasReset: boolean
  /** Records left out with consent. */
  readonly leftOut: number
  /** Results that the version before has given already. */
  readonly suppressed: Suppressed
}

export async function acquire(context: AcquireContext): Promise<Acquired> {
  const acquired = await acquireOnce(context)
  if (acquired !== 'announce') return acquired
  await context.announceMove()
  throw new Fault(
    'MR5066',
    'acquire-again',
    `${context.task.name}: a new epoch was announced, since somebody moved the group's offsets back`,
    {
      place: { task: context.task.name },
    },
  )
}

async function acquireOnce(context: AcquireContext): Promise<Acquired | 'announce'> {
  const producer = await context.log.openProducer(context.task.transactionalId, {
    transactionTimeoutMs: context.settings.transactionTimeoutMs,
  })
  let store: Store | undefined
  try {
    const control = await readControl({ ...context, stallMs: context.settings.restoreStallMs }, context.controlTopic)
    if (control.manifest?.stateId !== context.manifest.stateId) throw otherLife(context)
    await checkTails(context, producer)
    const acquisition = randomUUID()
    const fences = await writeFences(context, producer, acquisition)
    context.onFenced()
    const commitRecord = await findCommitRecord(context, fences)
    // Before the changelogs of another life get into the local store.
    if (commitRecord !== undefined && commitRecord.stateId !== context.manifest.stateId) throw stateLost(context)
    const changelogs = await changelogFacts(context, fences)
    const opened = await openStore(context, changelogs, commitRecord)
    store = opened.store
    const positions = await restoreStores(restoreContext(context), opened.state, changelogs, commitRecord)
    const acquired = await settle(context, producer, opened, {
      changelogs,
      positions,
      commitRecord,
      acquisition,
      control,
    })
    if (acquired === 'announce') {
      await store.close()
      await producer.close()
      return acquired
    }
    const late = acquired.status === 'running' ? context.behind(acquired.ledger.record.epoch) : undefined
    if (late !== undefined) throw late
    return acquired
  } catch (error) {
    await store?.close().catch((unclosed: unknown) => noteUnclosed(context, unclosed))
    const cause = await checkOwnership(context, producer, error)
    await producer.close().catch((unclosed: unknown) => noteUnclosed(context, unclosed))
    throw cause
  }
}

/**
 * A comparison that says stop is to be believed only of the owner: if another one has worked meanwhile, what was read here is old (holes H1c,
 * H12). But then it has fenced us, and a transaction of ours is refused.
 */
async function checkOwnership(context: AcquireContext, producer: TransactionalProducer, error: unknown): Promise<unknown> {
  if (!(error instanceof Fault) || (error.action !== 'stop-task' && error.code !== 'MR5020')) return error
  try {
    await writeFences(context, producer, randomUUID())
    return error
  } catch (fenced) {
    return fenced
  }
}

const noteUnclosed = (context: AcquireContext, error: unknown): void =>
  context.onNote('warn', `${context.task.name}: closing failed: ${error instanceof Error ? error.message : String(error)}`, {
    task: context.task.name,
  })

/** One transaction writes a fence record into the commit topic's partition and every changelog partition. Answers their offsets. */
async function writeFences(context: AcquireContext, producer: TransactionalProducer, nonce: string): Promise<ReadonlyMap<string, number>> {
  const { task } = context
  const value = Buffer.from(nonce)
  const record = (key: Uint8Array): OutgoingRecord => ({ key, value, timestamp: context.clock.now(), headers: [] })
  const batches: PartitionRecords[] = [{ topic: task.commitTopic, partition: task.partition, records: [record(COMMIT_FENCE_KEY)] }]
  for (const topic of task.changelogs.values()) batches.push({ topic, partition: task.partition, records: [record(fenceKey)] })
  const sent = await producer.send(batches)
  await producer.commit()
  return new Map(batches.map(({ topic }) => [topic, sent.get(partitionId(topic, task.partition))?.last ?? -1]))
}

/** The newest below the own fence. */
const findCommitRecord = async (context: AcquireContext, fences: ReadonlyMap<string, number>): Promise<CommitRecord | undefined> => {
  const { log, clock, task, settings, signal } = context
  const fence = fences.get(task.commitTopic)
  return await newestCommitRecord({
    log,
    clock,
    stallMs: settings.restoreStallMs,
    signal,
    partition: { topic: task.commitTopic, partition: task.partition },
    onRecord: (record) => context.onCommitRecord(record),
    until: fence === undefined ? undefined : fence + 1,
  })
}

async function changelogFacts(context: AcquireContext, fences: ReadonlyMap<string, number>): Promise<ChangelogFacts[]> {
  const { task, log } = context
  const partitions = [...task.changelogs.values()].map((topic) => ({ topic, partition: task.partition }))
  if (partitions.length === 0) return []
  const ranges = await log.admin.ranges(partitions)
  return await Promise.all(
    [...task.changelogs].map(async ([step, topic]) => ({
      step,
      topic,
      logStart: rangeOr(ranges.get(partitionId(topic, task.partition))).logStart,
      fence: fences.get(topic) ?? -1,
      deleteRetentionMs: deleteRetentionOf(await log.admin.topicConfig(topic)),
    })),
  )
}

interface Opened {
  readonly store: Store
  readonly state: TaskState
}

async function openStore(
  context: AcquireContext,
  changelogs: readonly ChangelogFacts[],
  commitRecord: CommitRecord | undefined,
): Promise<Opened> {
  const { task, stores } = context
  const steps = [...task.changelogs.keys()]
  const open = async (): Promise<Opened> => {
    const store = await stores.open(task.name)
    try {
      return { store, state: TaskState.open(store, steps, { cacheBytesMax: context.cacheBytesMax, freezeValues: context.freezeValues }) }
    } catch (error) {
      // It may have to be wiped, and only a closed one can be.
      await store.close()
      throw error
    }
  }
  let opened: Opened
  let why: string | undefined
  try {
    opened = await open()
    why = storeVerdict(opened.state.mark, { stateId: context.manifest.stateId, commitRecord, changelogs, now: context.clock.now() })
    if (why === undefined) return opened
    await opened.store.close()
  } catch (error) {
    // Damaged files: the log has it all.
    if (!(error instanceof Fault) || error.action !== 'acquire-again') throw error
    why = error.message
  }
  context.onNote('warn', `the local store of ${task.name} is wiped and rebuilt from the changelog: ${why}`, { task: task.name })
  await stores.wipe(task.name)
  return await open()
}

const restoreContext = (context: AcquireContext): Parameters<typeof restoreStores>[0] => ({
  log: context.log,
  clock: context.clock,
  task: context.task.name,
  partition: context.task.partition,
  stateId: context.manifest.stateId,
  stallMs: context.settings.restoreStallMs,
  signal: context.signal,
  onProgress: (progress) => context.onRestore(progress),
  onNote: (level, message, facts) => context.onNote(level, message, facts),
})

interface Restored {
  readonly changelogs: readonly ChangelogFacts[]
  /** Step → next changelog offset to apply. */
  readonly positions: Readonly<Record<string, number>>
  readonly commitRecord: CommitRecord | undefined
  readonly acquisition: string
  readonly control: ControlView
}

/** Steps 4 and 5. */
async function settle(
  context: AcquireContext,
  producer: TransactionalProducer,
  opened: Opened,
  restored: Restored,
): Promise<Acquired | 'announce'> {
  const { task, manyStages } = context
  const { commitRecord, control, changelogs, acquisition } = restored
  const ranBefore = control.ran.has(task.name)
  const next = await nextOf(context, commitRecord)
  if (next.kind === 'stay') return await stay(context, producer, opened, restored, next)
  const known = commitRecord === undefined ? undefined : { ...commitRecord, status: 'running' as const, role: next.role }
  const decision = await compareNow({
    ...context,
    identity: () => context.identity(),
    onNote: (level, message, facts) => context.onNote(level, message, facts),
    commitRecord: known,
    ranBefore,
    announced: announcedFor(control.announced, task, manyStages),
    isMovedElsewhere: () => context.isMovedBack(),
  })
  if (decision.kind === 'reset') refuseResetInSwitch(context)
  if (decision.kind === 'announce') return decision.kind
  if (decision.kind === 'reset' && known !== undefined)
    return await startAnew(context, producer, opened, { ...restored, commitRecord: known }, decision)
  const unmarked = known ?? { ...firstRecord(context, changelogs, decision.kind === 'stay' ? 1 : decision.epoch), role: next.role }
  const over = await takeOver(takeOverContext(context), unmarked, next.flippedBy)
  const start = { ...unmarked, handover: over.handover }
  const ledger = new TaskLedger(task, { record: start, changelogs: restored.positions, acquisition })
  await opened.state.writeMark(markOf(start, restored.positions, [...task.changelogs.keys()], context.clock.now()))
  const parts = { status: start.status, producer, store: opened.store, state: opened.state, ledger }
  const acquired = { ...parts, time: timeOf(task, start), wasReset: false, leftOut: 0, suppressed: new Suppressed(over.suppress) }
  if (decision.kind === 'stay') return acquired
  if (decision.commit || next.changed) {
    context.onNote('info', `${task.name} starts${next.role === 'shadow' ? ' in shadow' : ''}: ${decision.why}`, {
      task: task.name,
      positions: Object.fromEntries(decision.positions),
    })
    await commitStart(context, acquired, decision.positions, !ranBefore, over.publish, next.changed ? 'follow' : undefined)
  }
  return { ...acquired, leftOut: decision.leftOut }
}

/** Halted, retired or ended: it holds its state and processes nothing. Its commit record says from now on what was decided for it. */
async function stay(
  context: AcquireContext,
  producer: TransactionalProducer,
  { store, state }: Opened,
  { commitRecord, changelogs, acquisition, positions }: Restored,
  next: Extract<Continuation, { kind: 'stay' }>,
): Promise<Acquired> {
  const { task } = context
  const record = { ...(commitRecord ?? firstRecord(context, changelogs, 1)), status: next.status }
  const ledger = new TaskLedger(task, { record, changelogs: positions, acquisition })
  await state.writeMark(markOf(record, positions, [...task.changelogs.keys()], context.clock.now()))
  const parts = { status: next.status, producer, store, state, ledger }
  const acquired = { ...parts, time: timeOf(task, record), wasReset: false, leftOut: 0, suppressed: new Suppressed() }
  if (next.retire)
    await commitStart(context, acquired, new Map(task.inputs.map(({ id }) => [id, record.positions[id] ?? 0])), false, [], 'follow')
  return acquired
}

const takeOverContext = (context: AcquireContext): TakeOverContext => ({
  ...context,
  shared: context.switching.shared,
  stallMs: context.settings.restoreStallMs,
})

const timeOf = (task: TaskWiring, record: CommitRecord): TaskTime =>
  new TaskTime(
    task.inputs.map((input) => ({ id: input.id, outOfOrdernessMs: input.external?.outOfOrdernessMs, upstream: input.upstream })),
    record,
  )

async function startAnew(
  context: AcquireContext,
  producer: TransactionalProducer,
  { store, state }: Opened,
  restored: Restored & { readonly commitRecord: CommitRecord },
  decision: Extract<Resolved, { readonly epoch: number }>,
): Promise<Acquired> {
  const { task, clock, probe } = context
  const { commitRecord, positions, acquisition } = restored
  // What the store holds is of the old epoch, and known to be complete: should this end here, the next start need not read it again.
  await state.writeMark(markOf(commitRecord, positions, [...task.changelogs.keys()], clock.now()))
  const ledger = await resetTask({
    task,
    clock,
    probe,
    producer,
    state,
    acquisition,
    record: commitRecord,
    changelogs: positions,
    epoch: decision.epoch,
    positions: decision.positions,
    identity: () => context.identity(),
  })
  const { record } = ledger
  const facts = { task: task.name, epoch: record.epoch, positions: record.positions, before: commitRecord.positions }
  context.onNote('warn', `${task.name}: ${decision.why}; its state is cleared and begins anew, in epoch ${record.epoch}`, facts)
  const parts = { status: record.status, producer, store, state, ledger }
  return { ...parts, time: timeOf(task, record), wasReset: true, leftOut: decision.leftOut, suppressed: new Suppressed() }
}

function otherLife(context: AcquireContext): Fault {
  return new Fault(
    'MR5004',
    'stop',
    `the manifest in ${context.controlTopic} is no longer the one that this worker started with: the application was deleted or re-created meanwhile; start the worker again`,
    { place: { topic: context.controlTopic, task: context.task.name } },
  )
}

function stateLost(context: AcquireContext): Fault {
  const ids = context.task.inputs.map((input) => input.id)
  return stopFault(context.task.name, { reason: 'state-lost', ids })
}
