/**
 * Appends records as one producer (id and epoch), in order within each partition, with the sequence numbers by which brokers
 * recognise what they have already.
 *
 * Goes in rounds: each round sends one batch of every partition that has records left, one request to each leader, and waits
 * for all answers. So at most one batch of a partition is under way, and:
 *  1. a batch that was refused is sent again only as the same records with the same sequence; nothing can overtake it;
 *  2. a batch without an answer ends the call (kafkajs would give its sequence to other records, kafka-client.md K6), except
 *     outside transactions, where the same batch may be sent again because the broker recognises it.
 */
import { failPoint } from '../../faults/fail-points.ts'
import { assert, Fault } from '../../faults/fault.ts'
import { systemClock } from '../../runtime/ports/clock.ts'
import type { PartitionId, PartitionRecords, TopicPartition } from '../../runtime/ports/log.ts'
import { partitionId } from '../../runtime/ports/log.ts'
import { PackedOutgoing } from '../../runtime/ports/packed-outgoing.ts'
import type { Cluster, Links } from '../cluster.ts'
import { encodeBatch } from '../codec/batch-encoder.ts'
import { isLeaderMoved } from '../failures.ts'
import { BATCH_BYTES_MAX, LEADER_WAIT_MS_MAX, MISSING_TOPIC_WAIT_MS_MAX, PRODUCE_BYTES_MAX, RECORD_BYTES_MAX } from '../limits.ts'
import { code, NoAnswer, Refused } from '../wire/api.ts'
import type { ProducedPartition } from '../wire/produce-api.ts'
import { produceApi } from '../wire/produce-api.ts'

export interface ProducerIdentity {
  /** Null: no transactions. */
  readonly transactionalId: string | null
  readonly producerId: number
  readonly producerEpoch: number
}

export interface Appended {
  readonly first: number
  readonly last: number
}

const SEQUENCES = 0x8000_0000
const RETRY_PAUSE_MS = 20
const RETRY_PAUSE_MS_MAX = 500

/** What is left of one partition's records in one call. */
interface Work extends TopicPartition {
  readonly id: PartitionId
  readonly records: PackedOutgoing
  next: number
  first: number
  last: number
  /** The batch under way: kept until it is answered. */
  batch: { readonly bytes: Buffer; readonly count: number } | undefined
}

export class Appender {
  readonly #cluster: Cluster
  readonly #links: Links
  readonly #identity: ProducerIdentity
  /** How long the broker waits for its replicas: shorter than we wait for the broker, so that it is the broker who says so. */
  readonly #replicationMsMax: number
  readonly #sequences = new Map<PartitionId, number>()
  /** Topics whose max.message.bytes turned out to be below our limit. */
  readonly #batchBytesMax = new Map<string, number>()

  constructor(cluster: Cluster, links: Links, identity: ProducerIdentity) {
    this.#cluster = cluster
    this.#links = links
    this.#identity = identity
    this.#replicationMsMax = Math.ceil(cluster.settings.requestTimeoutMs * 0.8)
  }

  /** Answers first and last offset of every partition that got records. Throws Refused, NoAnswer, or a Fault that names the record. */
  async append(batches: readonly PartitionRecords[]): Promise<ReadonlyMap<PartitionId, Appended>> {
    const works = collect(batches)
    const end = performance.now() + LEADER_WAIT_MS_MAX
    const missingEnd = performance.now() + MISSING_TOPIC_WAIT_MS_MAX
    let pauseMs = RETRY_PAUSE_MS
    for (;;) {
      const left = works.filter(({ next, records }) => next < records.length)
      if (left.length === 0) return new Map(works.map(({ id, first, last }) => [id, { first, last }]))
      const failure = await this.#round(left)
      if (failure === undefined) {
        pauseMs = RETRY_PAUSE_MS
        continue
      }
      const isMissing = failure instanceof Refused && failure.code === code.UNKNOWN_TOPIC_OR_PARTITION
      if (performance.now() + pauseMs >= (isMissing ? missingEnd : end)) throw failure
      await systemClock.sleep(pauseMs)
      pauseMs = Math.min(pauseMs * 1.5, RETRY_PAUSE_MS_MAX)
    }
  }

  /** One batch of every partition. Answers a failure after which the round may be repeated; throws any other. */
  async #round(works: readonly Work[]): Promise<Error | undefined> {
    let leaders: Map<number, Work[]>
    try {
      leaders = await this.#cluster.leaders(works)
    } catch (error) {
      if (error instanceof Refused && isLeaderMoved(error.code)) return error
      throw error
    }
    // All are awaited, also after one has failed: no request of this call is under way when it ends.
    const results = await Promise.allSettled([...leaders].map(([broker, ofBroker]) => this.#produce(broker, ofBroker)))
    let repeatable: Error | undefined
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason
      repeatable ??= result.value
    }
    return repeatable
  }

  async #produce(broker: number, works: readonly Work[]): Promise<Error | undefined> {
    const sent: Work[] = []
    let bytes = 0
    for (const work of works) {
      work.batch ??= this.#encode(work)
      if (sent.length > 0 && bytes + work.batch.bytes.length > PRODUCE_BYTES_MAX) break
      bytes += work.batch.bytes.length
      sent.push(work)
    }
    const partitions = sent.map(({ topic, partition, batch }) => {
      assert(batch !== undefined, 'a partition that is sent has a batch')
      return { topic, partition, batch: batch.bytes }
    })
    try {
      const request = { transactionalId: this.#identity.transactionalId, timeoutMs: this.#replicationMsMax, partitions }
      const answers = await this.#links.send(broker, produceApi, request)
      failPoint('part-produced')
      return this.#settle(sent, answers)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      for (const { topic, partition } of sent) this.#cluster.forgetLeader(topic, partition)
      if (error.wasSent && this.#identity.transactionalId !== null) throw error
      return error
    }
  }

  #encode(work: Work): { readonly bytes: Buffer; readonly count: number } {
    return encodeBatch(work.records, work.next, {
      producerId: this.#identity.producerId,
      producerEpoch: this.#identity.producerEpoch,
      baseSequence: this.#sequences.get(work.id) ?? 0,
      transactional: this.#identity.transactionalId !== null,
      bytesMax: this.#batchBytesMax.get(work.topic) ?? BATCH_BYTES_MAX,
      packer: this.#cluster.settings.packer,
    })
  }

  #settle(sent: readonly Work[], answers: readonly ProducedPartition[]): Error | undefined {
    const byId = new Map(answers.map((answer) => [partitionId(answer.topic, answer.partition), answer]))
    let repeatable: Error | undefined
    let final: Error | undefined
    for (const work of sent) {
      const answer = byId.get(work.id)
      assert(answer !== undefined, `the broker answers for ${work.id}`)
      if (answer.errorCode === code.NONE) this.#advance(work, answer.baseOffset)
      else if (answer.errorCode === code.DUPLICATE_SEQUENCE_NUMBER && this.#identity.transactionalId === null) this.#advance(work, -1)
      else if (isLeaderMoved(answer.errorCode)) {
        this.#cluster.forgetLeader(work.topic, work.partition)
        repeatable ??= new Refused('Produce', answer.errorCode, work.id)
      } else if (!this.#narrow(work, answer)) final ??= refusal(work, answer)
    }
    if (final) throw final
    return repeatable
  }

  #advance(work: Work, baseOffset: number): void {
    const { batch } = work
    assert(batch !== undefined, 'an answered partition had a batch')
    this.#sequences.set(work.id, ((this.#sequences.get(work.id) ?? 0) + batch.count) % SEQUENCES)
    if (work.next === 0) work.first = baseOffset
    work.last = baseOffset + batch.count - 1
    work.next += batch.count
    work.batch = undefined
  }

  /**
   * A refused batch of many records is halved, for the broker does not always say which one it refuses: it was refused before
   * anything was appended, so that its sequence is still free. Answers false when the record is found.
   */
  #narrow(work: Work, { errorCode, refused }: ProducedPartition): boolean {
    const isTooLarge = errorCode === code.MESSAGE_TOO_LARGE || errorCode === code.RECORD_LIST_TOO_LARGE
    const isInvalid = errorCode === code.INVALID_RECORD || errorCode === code.INVALID_TIMESTAMP
    assert(work.batch !== undefined, 'a refused partition had a batch')
    if (work.batch.count === 1 || !(isTooLarge || (isInvalid && refused.length === 0))) return false
    this.#batchBytesMax.set(work.topic, Math.ceil(work.batch.bytes.length / 2))
    work.batch = undefined
    return true
  }
}

/** One entry per partition, also where the caller names it twice; none for those without records. Too large records are refused here. */
function collect(batches: readonly PartitionRecords[]): Work[] {
  const works = new Map<PartitionId, Work>()
  for (const { topic, partition, records } of batches) {
    if (records.length === 0) continue
    const id = partitionId(topic, partition)
    const known = works.get(id)
    const all = PackedOutgoing.of(known === undefined ? records : [...known.records, ...records])
    works.set(id, { id, topic, partition, records: all, next: 0, first: -1, last: -1, batch: undefined })
  }
  for (const work of works.values()) {
    for (let index = 0; index < work.records.length; index += 1) {
      const timestamp = work.records.timestampAt(index)
      if (recordBytes(work, index) > RECORD_BYTES_MAX)
        throw refusedRecord('MR3003', work, index, `has more than ${RECORD_BYTES_MAX} bytes, which no request can carry`)
      if (!Number.isInteger(timestamp))
        throw refusedRecord('MR3004', work, index, `has the timestamp ${timestamp}, which is no whole number`)
    }
  }
  return [...works.values()]
}

function refusal(work: Work, answer: ProducedPartition): Error {
  const index = work.next + (answer.refused[0]?.index ?? 0)
  const why = answer.refused[0]?.message ?? answer.errorMessage ?? ''
  switch (answer.errorCode) {
    case code.MESSAGE_TOO_LARGE:
    case code.RECORD_LIST_TOO_LARGE:
      return refusedRecord(
        'MR3003',
        work,
        index,
        `has ${recordBytes(work, index)} bytes, more than max.message.bytes of the topic allows. Raise it, or make the record smaller`,
      )
    case code.INVALID_RECORD:
    case code.INVALID_TIMESTAMP:
      return refusedRecord('MR3004', work, index, `is not valid for its topic: ${why}`)
    default:
      return new Refused('Produce', answer.errorCode, `${work.id}${why ? `, ${why}` : ''}`)
  }
}

function recordBytes({ records }: Work, index: number): number {
  return Math.max(0, records.keySizeAt(index)) + Math.max(0, records.valueSizeAt(index))
}

function refusedRecord(as: 'MR3003' | 'MR3004', { topic, partition }: TopicPartition, index: number, why: string): Fault {
  return new Fault(as, 'refuse-record', `record ${index} of the records for ${topic}:${partition} ${why}.`, {
    place: { topic, partition, offset: index },
  })
}
