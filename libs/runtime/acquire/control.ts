/**
 * The application's control topic (engine.md 1): the manifest, which tasks have run, the newest epoch announced, the bounds of a batch. Compacted,
 * one partition.
 *
 * Who writes: manifest, bounds and announcements under the transactional id of the control topic; `ran:<task>` inside the task's own first transaction,
 * so that it is there exactly when the first commit record is.
 */
import { randomUUID } from 'node:crypto'
import { Fault } from '../../faults/fault.ts'
import { BOUNDS_KEY, decodeBounds } from '../batch/bounds.ts'
import type { Bounds } from '../batch/bounds.ts'
import { isRecord } from '../json.ts'
import { EPOCH_KEY, decodeAnnouncement } from '../reset/announcement.ts'
import type { Announcement } from '../reset/announcement.ts'
import { MANIFEST_KEY, decodeManifest, manifestDifferences, manifestOf, raisesStateVersions } from './manifest.ts'
import type { Manifest } from './manifest.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log, OutgoingRecord } from '../ports/log.ts'
import { partitionId } from '../ports/log.ts'
import { readRange } from './range-reader.ts'
import type { Wiring } from '../worker/wiring.ts'

export interface ControlView {
  readonly manifest: Manifest | undefined
  /** Tasks that have run under the manifest's state id. */
  readonly ran: ReadonlySet<string>
  /** The newest epoch that was announced under the manifest's state id. */
  readonly announced: Announcement | undefined
  /** Where the application ends, if it is a batch. */
  readonly bounds: Bounds | undefined
}

export interface ControlContext {
  readonly log: Log
  readonly clock: Clock
  readonly stallMs: number
  readonly signal: AbortSignal
}

/** Reads the control topic to the high watermark asked for now. */
export async function readControl(context: ControlContext, topic: string): Promise<ControlView> {
  const partition = { topic, partition: 0 }
  const range = (await context.log.admin.ranges([partition])).get(partitionId(topic, 0))
  if (range === undefined) return { manifest: undefined, ran: new Set(), announced: undefined, bounds: undefined }
  let manifest: Manifest | undefined
  let announced: Announcement | undefined
  let bounds: unknown
  const ran = new Map<string, string>()
  await readRange(context.log, context.clock, {
    partition,
    from: range.logStart,
    until: range.end,
    stallMs: context.stallMs,
    signal: context.signal,
    onRecords: (records) => {
      for (const record of records) {
        const key = record.key === null ? '' : Buffer.from(record.key).toString('utf8')
        if (record.value === null) continue
        if (key === MANIFEST_KEY) manifest = decodeManifest(record.value) ?? manifest
        if (key === EPOCH_KEY) announced = decodeAnnouncement(record.value) ?? announced
        if (key === BOUNDS_KEY) bounds = parsed(record.value)
        if (key.startsWith('ran:')) ran.set(key.slice(4), stateIdOf(record.value))
      }
    },
  })
  const stateId = manifest?.stateId
  return {
    manifest,
    ran: new Set([...ran].flatMap(([task, of]) => (of === stateId ? [task] : []))),
    announced: announced?.stateId === stateId ? announced : undefined,
    bounds: decodeBounds(bounds, stateId),
  }
}

function stateIdOf(value: Uint8Array): string {
  const record = parsed(value)
  return isRecord(record) && typeof record['stateId'] === 'string' ? record['stateId'] : ''
}

/** Undefined for what is no JSON: somebody else has written it. */
function parsed(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString('utf8'))
  } catch {
    return undefined
  }
}

/** The record that says: this task has run. */
export const ranRecord = (task: string, stateId: string, now: number): OutgoingRecord => ({
  key: Buffer.from(`ran:${task}`),
  value: Buffer.from(JSON.stringify({ stateId })),
  timestamp: now,
  headers: [],
})

/** Tries to become the writer; other workers that start at the same moment do the same, and fence each other. */
const WRITER_TRIES_MAX = 20

export type ControlDecision<T> = { readonly answer: T } | { readonly record: OutgoingRecord }

/** Asks `decide` until the control topic has its answer; a record that it wants is written by one worker only, on what stands there then. */
export async function decideInControl<T>(
  context: ControlContext,
  topic: string,
  decide: (view: ControlView) => ControlDecision<T>,
): Promise<T> {
  for (let tries = 0; tries < WRITER_TRIES_MAX; tries += 1) {
    const decision = decide(await readControl(context, topic))
    if ('answer' in decision) return decision.answer
    try {
      await writeDecided(context, topic, decide)
    } catch (error) {
      if (!(error instanceof Fault) || error.action === 'stop') throw error
      await context.clock.sleep(50 * (tries + 1), context.signal)
    }
  }
  throw new Fault(
    'MR5002',
    'stop',
    `nothing could be written to ${topic} in ${WRITER_TRIES_MAX} tries: other workers kept taking the control topic over. Nothing was started; start fewer at once`,
    { place: { topic } },
  )
}

async function writeDecided<T>(context: ControlContext, topic: string, decide: (view: ControlView) => ControlDecision<T>): Promise<void> {
  const producer = await context.log.openProducer(topic)
  try {
    // Only now, with every other writer fenced, is what stands there a fact.
    const decision = decide(await readControl(context, topic))
    if ('answer' in decision) return
    await producer.send([{ topic, partition: 0, records: [decision.record] }])
    await producer.commit()
  } finally {
    await producer.close()
  }
}

/** The stored manifest, made at the first run. A Fault when it does not fit the topology. */
export async function ensureManifest(context: ControlContext, wiring: Wiring): Promise<Manifest> {
  return await decideInControl(context, wiring.names.control, ({ manifest: stored }) => {
    const manifest = manifestOf(wiring, stored?.stateId ?? randomUUID())
    if (stored !== undefined) {
      checkManifest(stored, wiring)
      if (!raisesStateVersions(stored, manifest)) return { answer: stored }
    }
    const value = Buffer.from(JSON.stringify(manifest))
    return { record: { key: Buffer.from(MANIFEST_KEY), value, timestamp: context.clock.now(), headers: [] } }
  })
}

export function checkManifest(stored: Manifest, wiring: Wiring): void {
  const differences = manifestDifferences(stored, manifestOf(wiring, stored.stateId))
  if (differences.length === 0) return
  const { name, version } = wiring.plan
  throw new Fault(
    'MR5003',
    'stop',
    `${name} v${version} has state of another shape than this release: ${differences.join('; ')}. Nothing was changed. A step that only has another name now: renamed. Values of another shape: a state version with an upgrade. All else: a new version (topology('${name}', { version: ${version + 1} }, ...)), which builds its state from the log; or start the release that fits`,
    { place: { topic: wiring.names.control } },
  )
}
