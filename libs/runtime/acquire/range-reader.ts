/**
 * Reads a bounded range of one partition, in order, and ends by itself: for changelogs, commit topics, the control topic and single
 * records. The end is a position, never a count and never "nothing came for a while" (hole H9).
 */
import { Fault } from '../../faults/fault.ts'
import type { FaultPlace } from '../../faults/fault.ts'
import type { Clock } from '../ports/clock.ts'
import { partitionId } from '../ports/log.ts'
import type { FetchedBatch, Log, LogRecord, PartitionRange, Records, TopicPartition } from '../ports/log.ts'

interface RangeBounds {
  readonly partition: TopicPartition
  readonly from: number
  /** Ends when everything below this position was delivered. */
  readonly until: number
  /** No progress for this time means an open transaction that nobody ends, or a broker that is away. */
  readonly stallMs: number
  readonly signal: AbortSignal
}

export interface RangeRequest extends RangeBounds {
  /** Gets the records below `until` and the position behind them. Awaited: reading is paused while many batches wait. */
  onRecords(records: readonly LogRecord[], next: number, bytes: number): Promise<void> | void
}

export interface PiecesRequest extends RangeBounds {
  /** As `onRecords`, for those who need no objects. */
  onPiece(piece: Piece): Promise<void> | void
}

/** Batches that may wait for the consumer before reading is paused. */
const WAITING_MAX = 8
/** Records that are made and given out together: all of them live at once. */
const MADE_TOGETHER_MAX = 2_000
/** Records of one piece, of which none is made. Written 8,000 at a time RocksDB takes 3.2 us for each, 2,000 at a time 4.2; more gain nothing. */
const PIECE_MAX = 8_000

export async function readRange(log: Log, clock: Clock, request: RangeRequest): Promise<void> {
  const onPiece = ({ records, from, to, next, bytes }: Piece) => request.onRecords(records.slice(from, to), next, bytes)
  await readPieces(log, clock, { ...request, onPiece }, MADE_TOGETHER_MAX)
}

export async function readPieces(log: Log, clock: Clock, request: PiecesRequest, recordsMax = PIECE_MAX): Promise<void> {
  if (request.from >= request.until) return
  const waiting: FetchedBatch[] = []
  let failure: Error | undefined
  let paused = false
  let wake: () => void = () => undefined
  const ring = (): void => wake()
  const reader = log.openReader({
    onBatch: (batch) => {
      waiting.push(batch)
      if (waiting.length >= WAITING_MAX && !paused) {
        paused = true
        reader.pause(request.partition)
      }
      ring()
    },
    onOutOfRange: (_, position, logStart, logEnd) => {
      failure = outOfRange(request.partition, position, logStart, logEnd)
      ring()
    },
    onFault: (_, fault) => {
      failure = fault
      ring()
    },
  })
  try {
    reader.assign(request.partition, request.from)
    let position = request.from
    let progressAt = clock.monotonic()
    while (position < request.until) {
      mustGoOn(request)
      if (failure !== undefined) throw failure
      const batch = waiting.shift()
      if (batch === undefined) {
        const left = progressAt + request.stallMs - clock.monotonic()
        if (left <= 0) throw await stalled(log, request, position)
        await waitForBatch(clock, request.signal, left, (resolve) => (wake = resolve))
        continue
      }
      if (paused && waiting.length < WAITING_MAX / 2) {
        paused = false
        reader.resume(request.partition)
      }
      if (batch.fetchedFrom !== position || batch.next <= position) continue
      for (const piece of piecesOf(batch, request.until, recordsMax)) {
        mustGoOn(request)
        await request.onPiece(piece)
        position = piece.next
        progressAt = clock.monotonic()
      }
    }
  } finally {
    await reader.close()
  }
}

function mustGoOn({ signal, partition }: RangeBounds): void {
  if (signal.aborted) throw new Fault('MR5010', 'release-task', `reading ${name(partition)} was given up because the task is closing`)
}

/** Some records of an answer. */
export interface Piece {
  readonly records: Records
  readonly from: number
  /** The first that is no longer in it. */
  readonly to: number
  /** The position behind it. */
  readonly next: number
  readonly bytes: number
}

/** A batch, up to the offset `until`, in pieces; its size counts with the last. */
export function* piecesOf({ records, next, bytes }: FetchedBatch, until = Infinity, recordsMax = PIECE_MAX): Generator<Piece> {
  let from = 0
  for (let to = recordsMax; to < records.length; to += recordsMax) {
    const behind = records.offsetAt(to) ?? next
    if (behind >= until) break
    yield { records, from, to, next: behind, bytes: 0 }
    from = to
  }
  // Forward: records are found from where it was looked last.
  let to = next > until ? from : records.length
  while (to < records.length && (records.offsetAt(to) ?? until) < until) to += 1
  yield { records, from, to, next: Math.min(next, until), bytes }
}

/** Waits until a batch arrives, the signal aborts, or the time is over. */
async function waitForBatch(clock: Clock, signal: AbortSignal, milliseconds: number, onWake: (resolve: () => void) => void): Promise<void> {
  const stop = new AbortController()
  const arrived = new Promise<void>((resolve) => onWake(resolve))
  const abort = (): void => stop.abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([arrived, clock.sleep(milliseconds, stop.signal)])
  } finally {
    signal.removeEventListener('abort', abort)
    stop.abort()
  }
}

const name = (partition: TopicPartition): string => `${partition.topic}-${partition.partition}`

/** Only a transaction that nobody ends is for a person; whatever else keeps records away will pass. */
async function stalled(log: Log, request: RangeBounds, position: number): Promise<Fault> {
  const { partition, until, stallMs } = request
  const place = { place: { ...partition, offset: position } }
  const what = `reading ${name(partition)} made no progress for ${stallMs} ms at position ${position} of ${until}`
  let range: PartitionRange | undefined
  try {
    range = (await log.admin.ranges([partition])).get(partitionId(partition.topic, partition.partition))
  } catch (error) {
    // A right that is missing, or a topic that is gone, says so itself.
    if (error instanceof Fault && (error.action === 'stop' || error.action === 'stop-task')) return error
    return brokerAway(what, error, place)
  }
  if (range === undefined || range.lastStable > position) return brokerAway(what, 'it answers, but sends no records', place)
  return new Fault(
    'MR5011',
    'stop-task',
    `${what}: a transaction that nobody ends holds it. Nothing was processed. Find the transaction with kafka-transactions.sh find-hanging, abort it, and start the worker again`,
    place,
  )
}

const brokerAway = (what: string, why: unknown, place: { readonly place: FaultPlace }): Fault =>
  new Fault(
    'MR5050',
    'retry',
    `${what}, and its broker is away (${why instanceof Error ? why.message : String(why)}). It is tried again until the broker is back; check the broker and the network`,
    { ...place, cause: why },
  )

function outOfRange(partition: TopicPartition, position: number, logStart: number, logEnd: number): Fault {
  return new Fault(
    'MR5012',
    'acquire-again',
    `${name(partition)} has the range ${logStart} to ${logEnd} and cannot be read from ${position}`,
    {
      place: { ...partition, offset: position },
    },
  )
}

/** The record at a position, or undefined when it is no longer there (compacted, aborted). */
export async function readOne(log: Log, clock: Clock, request: RangeBounds): Promise<LogRecord | undefined> {
  let found: LogRecord | undefined
  await readRange(log, clock, {
    ...request,
    until: Math.min(request.until, request.from + 1),
    onRecords: (records) => {
      found ??= records[0]
    },
  })
  return found
}
