/**
 * One partition that is being read: the state that the reader keeps for one `assign`. A new assignment is a new object, so that
 * whatever still arrives for the old one finds it closed.
 *
 *     locating → ready → fetching → ready ...        (any) → waiting → locating      (any) → stopped
 *
 * locating: the leader is asked for. ready: wants to be part of a fetch, unless paused. fetching: part of one. waiting: after a
 * failure. stopped: out of range or a lasting fault; only a new assignment reads on.
 */
import type { TopicPartition } from '../../runtime/ports/log.ts'
import type { FetchedPartition } from '../wire/fetch-api.ts'

export interface Reading extends TopicPartition {
  state: 'locating' | 'ready' | 'fetching' | 'waiting' | 'stopped'
  isPaused: boolean
  isClosed: boolean
  leader: number
  /** Where the next fetch begins. */
  position: number
  /** Larger than the reader's default while a batch is known to need it. */
  bytesMax: number
  /** Order of turns: who was part of a fetch the longest time ago goes first in the next. */
  turn: number
  /** Answers that wait to be delivered. */
  undelivered: number
  /** Failures in a row, and when the row began. */
  failures: number
  failingSince: number
  wasOutOfRange: boolean
  retry: NodeJS.Timeout | undefined
  /** As last delivered: an answer that changes nothing is not. */
  logStart: number
  highWatermark: number
  lastStable: number
}

export function newReading({ topic, partition }: TopicPartition, position: number, bytesMax: number): Reading {
  return {
    topic,
    partition,
    state: 'locating',
    isPaused: false,
    isClosed: false,
    leader: -1,
    position,
    bytesMax,
    turn: 0,
    undelivered: 0,
    failures: 0,
    failingSince: 0,
    wasOutOfRange: false,
    retry: undefined,
    logStart: -1,
    highWatermark: -1,
    lastStable: -1,
  }
}

/** An answer on its way to the receiver: asked for from `from`, reaching to `next`. */
export interface Answer {
  readonly reading: Reading
  readonly from: number
  readonly next: number
  readonly fetched: FetchedPartition
}
