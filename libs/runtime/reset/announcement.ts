/**
 * The record in the control topic that announces a new epoch (engine.md 6.1). Pure.
 *
 *   key     epoch                                    compaction keeps the newest
 *   value   {"stateId", "epoch", "positions": {"topic:partition": start}}
 *
 * It is written in one transaction with the group's offsets at these positions, whose markers carry the same epoch and n = 0: no task's own
 * commit ever has that n.
 */
import { isRecord } from '../json.ts'
import type { Marker } from '../task/commit-record.ts'
import type { OutgoingRecord } from '../ports/log.ts'
import type { TaskWiring, Wiring } from '../worker/wiring.ts'

export interface Announcement {
  readonly stateId: string
  readonly epoch: number
  /** External input partition → where the epoch starts. With one stage a partition that is not named goes on in its own epoch. */
  readonly positions: Readonly<Record<string, number>>
}

/** What announce.ts has just done. */
export type AnnounceStep = 'announce:control-taken' | 'announce:tasks-fenced' | 'announce:facts-read' | 'announce:sent' | 'announce:done'

export const EPOCH_KEY = 'epoch'

export const announcementRecord = (announcement: Announcement, now: number): OutgoingRecord => ({
  key: Buffer.from(EPOCH_KEY),
  value: Buffer.from(JSON.stringify(announcement)),
  timestamp: now,
  headers: [],
})

/** Says nothing; that it could be written says that the control topic is still its writer's. */
export const fenceRecord = (now: number): OutgoingRecord => ({
  key: Buffer.from('fence'),
  value: Buffer.from('{}'),
  timestamp: now,
  headers: [],
})

/** Undefined for bytes that Millrace did not write. */
export function decodeAnnouncement(value: Uint8Array): Announcement | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(value).toString('utf8'))
  } catch {
    return undefined
  }
  if (!isRecord(parsed) || typeof parsed['stateId'] !== 'string' || typeof parsed['epoch'] !== 'number' || !isRecord(parsed['positions']))
    return undefined
  const positions: Record<string, number> = {}
  for (const [id, position] of Object.entries(parsed['positions'])) if (typeof position === 'number') positions[id] = position
  return { stateId: parsed['stateId'], epoch: parsed['epoch'], positions }
}

export const announcedMarker = (announcement: Announcement): Marker => ({ stateId: announcement.stateId, epoch: announcement.epoch, n: 0 })
export const isAnnounced = (marker: Marker | undefined): boolean => marker?.n === 0

/** Stages depend on each other's epochs: they reset together. */
export const hasManyStages = ({ tasks }: Pick<Wiring, 'tasks'>): boolean =>
  tasks.some((task) => task.inputs.some((input) => input.repartition !== undefined))

/** The announcement as far as it is for that task. */
export function announcedFor(
  announcement: Announcement | undefined,
  task: Pick<TaskWiring, 'inputs'>,
  manyStages: boolean,
): Announcement | undefined {
  if (announcement === undefined || manyStages) return announcement
  return task.inputs.some((input) => announcement.positions[input.id] !== undefined) ? announcement : undefined
}
