/**
 * A switch from outside: opens it, waits for both versions to halt, decides (engine.md 6.2). The versions' own workers do the work.
 *
 *     open(s) ─▶ all tasks of the live version halted(s) ─▶ cut(s) ─▶ all tasks of the new one halted(s) ─▶ flip(s) | abandon(s)
 *
 * Killed anywhere and given again it goes on: what stands in the log is what has happened. If nobody gives it again, the halted workers
 * abandon it after the time that its record allows.
 */
import { Fault } from '../../faults/fault.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { readRange } from '../acquire/range-reader.ts'
import { fenceTask } from './fence-task.ts'
import { handoverRanges } from './handover-region.ts'
import { knownVersion, notInShadow } from './replays.ts'
import { roleOf } from './shared-state.ts'
import type { EndedSwitch, OpenSwitch, Purpose, SharedState } from './shared-state.ts'
import { readShared, writeShared } from './shared-topic.ts'
import type { SharedContext } from './shared-topic.ts'
import { undrainedOf } from './undrained.ts'
import type { Undrained } from './undrained.ts'
import { CommitTail, externalPositions, tasksOfVersion } from './version-records.ts'
import { lowestWatermark } from './version-switch.ts'

export interface SwitchRequest {
  /** The version that is to be live. */
  readonly to: number
  readonly purpose: Purpose
  /** How long outputs may stand still, ms; undefined: as long as the new version needs to catch up (`--now`). */
  readonly pauseMsMax: number | undefined
  readonly keepWarm: boolean
  /** Take the live version's place in all its tasks, whatever they do. */
  readonly fence: boolean
  /** Called at each step, for people and for fail-points. */
  onStep(step: SwitchStep, detail: string): void
  /** Between the halts and the flip: what must be done while nothing moves. May throw: then the switch is abandoned. */
  beforeDecision?(halted: HaltedVersions): Promise<void>
  /** A switch that is always abandoned (verify). */
  readonly decide: 'flip' | 'abandon'
}

export type SwitchStep = 'opened' | 'fenced' | 'live-halted' | 'cut' | 'new-halted' | 'decided' | 'running'

export interface HaltedVersions {
  readonly s: number
  readonly live: CommitTail
  readonly next: CommitTail
}

export interface SwitchResult {
  readonly s: number
  readonly decision: 'flip' | 'abandon'
  readonly why: string
  readonly from: number
  readonly to: number
  /** From the first halt of the live version to the last start of the new one; undefined where it cannot be told. */
  readonly pauseMs: number | undefined
}

/** How long a version that has just become live may take to follow, before nobody takes its place, ms. Running tasks need much less. */
const FOLLOW_BEFORE_FENCE_MS = 2_000
/** How long the new live version may take to follow the decision before the command stops waiting for it, ms. */
const FOLLOW_MS = 60_000

export async function runSwitch(context: SharedContext, request: SwitchRequest): Promise<SwitchResult> {
  const open = await openSwitch(context, request)
  request.onStep('opened', `switch ${open.s} from v${open.from} to v${open.to}`)
  const live = new CommitTail(context, await tasksOfVersion(context, open.from))
  const next = new CommitTail(context, await tasksOfVersion(context, open.to))
  try {
    await live.start()
    await next.start()
    const failure = await bringToHalt(context, request, open, live, next)
    const ended = await decide(context, open, failure === undefined ? request.decide : 'abandon', failure?.message ?? reasonOf(request))
    request.onStep('decided', ended.decision)
    if (failure !== undefined && ended.decision === 'abandon') throw failure
    const pauseMs = await followed(request, ended, live, next)
    return { s: ended.s, decision: ended.decision, why: ended.why, from: ended.from, to: ended.to, pauseMs }
  } finally {
    await live.close()
    await next.close()
  }
}

const reasonOf = ({ purpose }: SwitchRequest): string => (purpose === 'verify' ? 'a verification is always abandoned' : purpose)

/** The open switch between these versions, this one or that of a command that was killed. */
async function openSwitch(context: SharedContext, request: SwitchRequest): Promise<OpenSwitch> {
  const { application, clock } = context
  const { to, purpose, pauseMsMax, keepWarm } = request
  const state = await writeShared(context, (now) => {
    const { live, open } = checkSwitch(now, application, to)
    if (open?.to === to && open.purpose === purpose) return undefined
    return { kind: 'switch', from: live, to, purpose, pauseMsMax, keepWarm, at: clock.now() }
  })
  if (state.open === undefined)
    throw new Fault(
      'MR2064',
      'stop',
      `the switch to v${to} of ${application} was ended by another command at once; look at millrace replay status`,
    )
  return state.open
}

function checkSwitch(
  state: SharedState,
  application: string,
  to: number,
): { readonly live: number; readonly open: OpenSwitch | undefined } {
  knownVersion(state, application, to)
  const role = roleOf(state, to)
  if (role === 'live') throw new Fault('MR2061', 'stop', `v${to} of ${application} is the live version already; nothing was changed`)
  if (role !== 'shadow' || state.live === undefined) throw notInShadow(application, to, role)
  return { live: state.live, open: state.open }
}

/** Undefined: both versions are halted and may be switched. A fault: they are not, and the switch is to be abandoned. */
async function bringToHalt(
  context: SharedContext,
  request: SwitchRequest,
  open: OpenSwitch,
  live: CommitTail,
  next: CommitTail,
): Promise<Fault | undefined> {
  const deadline = context.clock.monotonic() + (open.pauseMsMax ?? Infinity)
  const left = (): number => deadline - context.clock.monotonic()
  try {
    if (request.fence) {
      const behind = await behindLastFlip(live, Math.min(left(), FOLLOW_BEFORE_FENCE_MS))
      if (behind.length > 0) return notFollowed(context, open, behind)
      for (const task of live.of.tasks) await fenceTask(context, task, open.s)
      request.onStep('fenced', `${live.of.tasks.length} tasks of v${open.from}`)
    }
    if (!(await live.until(() => isHalted(live, open.s), left()))) return notHalted(context, open, live, open.from)
    request.onStep('live-halted', `v${open.from}`)
    // Also without --fence: a command that was killed may have fenced it.
    const undrained = await undrainedOf(context, live, open.s)
    if (request.decide === 'flip' && undrained.unnamed > 0 && (await hasEvents(context, open.to))) return unnamed(context, open, undrained)
    const cut = await writeCut(context, open, live)
    request.onStep('cut', `${Object.keys(cut).length} partitions`)
    if (!(await next.until(() => isHalted(next, open.s), left()))) return notHalted(context, open, next, open.to)
    request.onStep('new-halted', `v${open.to}`)
    const beyond = await readBeyond(context, next, cut)
    if (beyond !== undefined) return beyond
    if (request.decide === 'flip') await writeHandover(context, open, live, next, undrained)
    await request.beforeDecision?.({ s: open.s, live, next })
    return undefined
  } catch (error) {
    return error instanceof Fault
      ? error
      : new Fault('MR2064', 'stop', `the switch to v${open.to} of ${context.application} failed and was abandoned: ${String(error)}`, {
          cause: error,
        })
  }
}

/** Who becomes live publishes what is handed over; a task whose place is taken before would never do it. */
async function behindLastFlip(live: CommitTail, withinMs: number): Promise<readonly string[]> {
  const behind = (): string[] => [...live.records].flatMap(([task, { role }]) => (role === 'live' ? [] : [task]))
  await live.until(() => behind().length === 0, withinMs)
  return behind()
}

const notFollowed = ({ application }: SharedContext, open: OpenSwitch, behind: readonly string[]): Fault =>
  new Fault(
    'MR2140',
    'stop',
    `v${open.from} of ${application} has become live, and ${behind.slice(0, 5).join(', ')} did not follow yet: what they are to publish at that flip would be lost. The switch was abandoned. Let a worker of v${open.from} run until they do, and promote again`,
  )

const isHalted = (tail: CommitTail, s: number): boolean =>
  tail.of.tasks.every((task) => {
    const record = tail.records.get(task.name)
    return record?.status === 'halted' && record.switchId === s
  })

function notHalted({ application }: SharedContext, open: OpenSwitch, tail: CommitTail, version: number): Fault {
  const missing = tail.of.tasks.filter((task) => {
    const record = tail.records.get(task.name)
    return record?.status !== 'halted' || record.switchId !== open.s
  })
  const names = missing.slice(0, 5).map((task) => task.name)
  const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : ''
  const cure =
    version === open.from
      ? 'If the live version is down or stuck, take its place: millrace replay promote --fence'
      : 'Are all workers of the new version running? Promote again when its lag is small, or with a longer --max-pause'
  return new Fault(
    'MR2064',
    'stop',
    `v${version} of ${application} did not halt within ${open.pauseMsMax} ms: ${names.join(', ')}${more} did not. The switch was abandoned and v${open.from} goes on as before. ${cure}`,
  )
}

const unnamed = ({ application }: SharedContext, open: OpenSwitch, { unnamed: count }: Undrained): Fault =>
  new Fault(
    'MR2068',
    'stop',
    `v${open.from} of ${application} has ${count} records on their way between its stages that cannot be told from others (updates of a table that were put together at a commit, or records of an older release): which results of v${open.to} are missing cannot be decided. The switch was abandoned. Start a worker of v${open.from}, and promote without --fence when it has caught up`,
  )

/** Tables converge by their differences, whatever was on its way. */
async function hasEvents(context: SharedContext, version: number): Promise<boolean> {
  const sinks = (await readShared(context)).versions.get(version)?.facts.sinks ?? []
  return sinks.some((sink) => !sink.table)
}

/** The positions at which the live version stands, copied from its commit records, which cannot change before a decision. */
async function writeCut(context: SharedContext, open: OpenSwitch, live: CommitTail): Promise<Readonly<Record<string, number>>> {
  const records = live.of.tasks.map((task) => live.records.get(task.name))
  const positions = Object.assign(
    {},
    ...records.map((record) => (record === undefined ? {} : externalPositions(record, live.of.prefix))),
  ) as Record<string, number>
  const lowest = lowestWatermark(records, live.of.prefix)
  const watermark = Number.isFinite(lowest) ? lowest : undefined
  const state = await writeShared(context, (now) =>
    now.open?.s === open.s && now.open.cut === undefined ? { kind: 'cut', s: open.s, positions, watermark } : undefined,
  )
  return state.open?.cut?.positions ?? positions
}

/** Where the tasks of the new version look for results that one of the versions has given and the other has not. */
async function writeHandover(
  context: SharedContext,
  open: OpenSwitch,
  live: CommitTail,
  next: CommitTail,
  { ranges: undrained, since }: Undrained,
): Promise<void> {
  const ranges = await handoverRanges(context, await readShared(context), live, next, since)
  if (ranges.length === 0) return
  await writeShared(context, (now) =>
    now.open?.s === open.s && now.open.handover === undefined ? { kind: 'handover', s: open.s, ranges, undrained } : undefined,
  )
}

/** The new version has read what the live one has not: the live one was reset meanwhile (hole S10). */
async function readBeyond(context: SharedContext, next: CommitTail, cut: Readonly<Record<string, number>>): Promise<Fault | undefined> {
  for (const record of next.records.values()) {
    for (const [id, position] of Object.entries(externalPositions(record, next.of.prefix))) {
      const at = cut[id]
      if (at === undefined || position <= at || !(await hasRecords(context, id, at, position))) continue
      return new Fault(
        'MR2065',
        'stop',
        `v${next.of.version} of ${context.application} has read ${id} up to ${position}, and the live version stands at ${at}: its offsets were moved back while the shadow ran (hole S10). They can never meet; the switch was abandoned. Drop the shadow and start it again`,
      )
    }
  }
  return undefined
}

/** Behind the cut there may be control records only. */
async function hasRecords(context: SharedContext, id: string, from: number, until: number): Promise<boolean> {
  const cutAt = id.lastIndexOf(':')
  let found = false
  await readRange(context.log, context.clock, {
    partition: { topic: id.slice(0, cutAt), partition: Number(id.slice(cutAt + 1)) },
    from,
    until,
    stallMs: context.stallMs,
    signal: context.signal,
    onRecords: (records) => {
      if (records.length > 0) found = true
    },
  })
  return found
}

/** The first decision in the log counts, whoever wrote it. */
async function decide(context: SharedContext, open: OpenSwitch, decision: 'flip' | 'abandon', why: string): Promise<EndedSwitch> {
  const at = context.clock.now()
  const state = await writeShared(context, (now) =>
    now.open?.s === open.s ? { kind: 'decision', s: open.s, decision, why, at } : undefined,
  )
  const ended = state.ended.get(open.s)
  if (ended === undefined)
    throw new Fault('MR2064', 'stop', `the switch ${open.s} of ${context.application} is not in its control topic any more`)
  return ended
}

async function followed(request: SwitchRequest, ended: EndedSwitch, live: CommitTail, next: CommitTail): Promise<number | undefined> {
  const tail = ended.decision === 'flip' ? next : live
  const haltedAt = Math.min(...live.of.tasks.map((task) => live.haltedAt(task.name, ended.s) ?? Infinity))
  const runs = (record: CommitRecord | undefined): boolean => record?.status === 'running' && record.role === 'live'
  const all = await tail.until(() => tail.of.tasks.every((task) => runs(tail.records.get(task.name))), FOLLOW_MS)
  if (!all) return undefined
  const runningAt = Math.max(...tail.of.tasks.map((task) => tail.runningSince(task.name) ?? -Infinity))
  request.onStep('running', `v${tail.of.version}`)
  return Number.isFinite(runningAt - haltedAt) ? Math.max(0, runningAt - haltedAt) : undefined
}

/** The switch that is open now is abandoned, whoever opened it. */
export async function abandonOpen(context: SharedContext, why: string): Promise<EndedSwitch | undefined> {
  const { open } = await readShared(context)
  return open === undefined ? undefined : await decide(context, open, 'abandon', why)
}
