/**
 * The commit record: what a task's state stands for, written in every transaction into the task's partition of the commit topic
 * (engine.md 3). And the marker: the short form that travels in the metadata of every committed offset.
 *
 * Key of the record: `c` + partition is not needed, the partition is the task; the key is one constant byte, so that compaction
 * keeps the newest. Fence records have a key of their own. Values are JSON: a person can read them with a console consumer.
 */
import { asBuffer } from '../../dataflow/cells.ts'
import { isRecord } from '../json.ts'
import type { SavedCuts } from '../switch/cuts.ts'
import type { OutputRole } from '../switch/task-switch.ts'

/** Last external record read of a partition: tells a re-created or truncated topic from the one that was read (engine.md 3). */
export interface Fingerprint {
  readonly offset: number
  readonly timestamp: number
  readonly hash: string
}

/** 'running' also stands for a task that was closed cleanly. */
export type CommitStatus = 'running' | 'halted' | 'retired' | 'ended'

export interface CommitRecord {
  readonly stateId: string
  readonly epoch: number
  /** Commit counter of the task within its state id; one more at each transaction. */
  readonly n: number
  readonly status: CommitStatus
  /** S: 'topic:partition' → next offset to read, for all inputs, repartition inputs too. */
  readonly positions: Readonly<Record<string, number>>
  /** Watermark of each external input partition; absent: nothing seen yet. */
  readonly watermarks: Readonly<Record<string, number>>
  /** Repartition input partition → upstream task → last watermark marker. */
  readonly markersIn: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Last watermark marker sent to repartition outputs. */
  readonly markerOut: number | undefined
  /** External input partition → fingerprint of the last record read. */
  readonly identity: Readonly<Record<string, Fingerprint>>
  /** Step → first changelog offset that is needed to rebuild the store. */
  readonly firstNeeded: Readonly<Record<string, number>>
  /** Step → position that its changelog reaches at least with this transaction: one that ends before it has lost its tail (hole H10). */
  readonly changelogEnds: Readonly<Record<string, number>>
  /** Nonce in the fence records of the acquisition that wrote it: tells whose transaction it was. */
  readonly acquisition: string
  /** Where its results go. */
  readonly role: OutputRole
  /** The newest switch that it halted for; -1: none. With status `halted` its decision is not applied yet. */
  readonly switchId: number
  /** Repartition input partition → upstream task → newest switch whose cut marker was read. */
  readonly cutsIn: SavedCuts
  /** Where the task stood before resets of offsets: calls to the world for what is below were made then. */
  readonly repeats?: Repeats | undefined
  /** The switch by which it became live, while results may come that are in the real topic already. */
  readonly handover?: number | undefined
}

export interface Repeats {
  readonly positions: Readonly<Record<string, number>>
  /** Undefined: it had none. */
  readonly watermark: number | undefined
}

export const COMMIT_KEY: Uint8Array = Buffer.from([0x63])
export const COMMIT_FENCE_KEY: Uint8Array = Buffer.from([0x66])
/** Of the record that says: a changelog has lost its newest records, nobody may go on. */
export const COMMIT_LOST_KEY: Uint8Array = Buffer.from([0x6c])

export interface LostTail {
  readonly topic: string
  /** Where the changelog ended when it was found. */
  readonly end: number
  /** How far it had been written. */
  readonly written: number
}

/** The cause of MR5051. */
export class TailLost extends Error {
  override readonly name = 'TailLost'
  readonly tail: LostTail
  constructor(tail: LostTail) {
    super('a changelog has lost its newest records')
    this.tail = tail
  }
}

export const encodeLostTail = (tail: LostTail): Uint8Array => Buffer.from(JSON.stringify(tail))

export function decodeLostTail(value: Uint8Array): LostTail | undefined {
  const parsed: unknown = JSON.parse(Buffer.from(value).toString())
  if (!isRecord(parsed)) return undefined
  const { topic, end, written } = parsed
  return typeof topic === 'string' && typeof end === 'number' && typeof written === 'number' ? { topic, end, written } : undefined
}

export const encodeCommitRecord = (record: CommitRecord): Uint8Array => Buffer.from(JSON.stringify(record))

/** Undefined where the bytes are no commit record. */
export function decodeCommitRecord(value: Uint8Array): CommitRecord | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(asBuffer(value).toString('utf8'))
  } catch {
    return undefined
  }
  if (!isRecord(parsed)) return undefined
  const { stateId, epoch, n, status, positions } = parsed
  if (
    typeof stateId !== 'string' ||
    typeof epoch !== 'number' ||
    typeof n !== 'number' ||
    typeof status !== 'string' ||
    !isRecord(positions)
  ) {
    return undefined
  }
  // The fields were written by encodeCommitRecord of this or an older release; absent maps are empty.
  return {
    watermarks: {},
    markersIn: {},
    identity: {},
    firstNeeded: {},
    changelogEnds: {},
    acquisition: '',
    markerOut: undefined,
    role: 'live',
    switchId: -1,
    cutsIn: {},
    ...parsed,
  } as unknown as CommitRecord
}

/** The marker in the metadata of a committed offset: an offset with one never means that somebody moved it. */
export interface Marker {
  readonly stateId: string
  readonly epoch: number
  readonly n: number
}

export const encodeMarker = (marker: Marker): string => `mr1;${marker.stateId};${marker.epoch};${marker.n}`

/** Undefined for metadata that Millrace did not write. */
export function decodeMarker(metadata: string): Marker | undefined {
  const match = /^mr1;([A-Za-z0-9-]+);(\d{1,15});(\d{1,15})$/.exec(metadata)
  if (match?.[1] === undefined) return undefined
  return { stateId: match[1], epoch: Number(match[2]), n: Number(match[3]) }
}
