/**
 * Fetches from one broker the partitions that it leads.
 *
 * Two lanes, each a connection with at most one fetch under way. The *main* lane asks for everything that is ready and may wait
 * at the broker for data. What becomes ready meanwhile (assigned, resumed, or just delivered) does not wait for that: the
 * *express* lane asks for it with a short wait. So one quiet, slow or paused partition never holds up another, and a new
 * assignment is asked for at once or after EXPRESS_WAIT_MS.
 *
 * The lanes come together again, else the express lane would ask for the same partitions a hundred times a second for ever:
 *
 *     main free,        express free    main asks for all, may wait
 *     main free,        express busy    main asks with a short wait too
 *     main waits long,  express free    express asks with a short wait
 *     main waits short, express free    nobody asks: main is back soon and takes all
 */
import { partitionId } from '../../runtime/ports/log.ts'
import type { Cluster, Links } from '../cluster.ts'
import { EXPRESS_WAIT_MS, FETCH_BYTES_MAX } from '../limits.ts'
import { code, Refused } from '../wire/api.ts'
import type { FetchAnswer, FetchedPartition } from '../wire/fetch-api.ts'
import { fetchApi } from '../wire/fetch-api.ts'
import type { Reading } from './reading.ts'

interface Lane {
  readonly links: Links
  /** How long the fetch under way may wait at the broker; undefined: none is. */
  waitsMs: number | undefined
}

export interface Outcome {
  readonly reading: Reading
  /** What the fetch asked for. */
  readonly from: number
  /** Undefined: the broker's answer leaves the partition out. */
  readonly fetched: FetchedPartition | undefined
}

export interface FetcherEvents {
  /** Which of the broker's readings want to be part of a fetch now. */
  ready(broker: number): Reading[]
  onAnswer(outcomes: readonly Outcome[]): void
  onFailure(readings: readonly Reading[], error: unknown): void
}

export class BrokerFetcher {
  readonly #broker: number
  readonly #events: FetcherEvents
  readonly #requestTimeoutMs: number
  readonly #main: Lane
  readonly #express: Lane
  readonly #waitMsMax: number
  readonly #shortWaitMs: number
  #turn = 0
  #isClosed = false

  constructor(cluster: Cluster, broker: number, waitMsMax: number, events: FetcherEvents) {
    this.#broker = broker
    this.#events = events
    this.#requestTimeoutMs = cluster.settings.requestTimeoutMs
    this.#main = { links: cluster.openLinks(), waitsMs: undefined }
    this.#express = { links: cluster.openLinks(), waitsMs: undefined }
    this.#waitMsMax = waitMsMax
    this.#shortWaitMs = Math.min(EXPRESS_WAIT_MS, waitMsMax)
  }

  /** Sends what can be sent. Called whenever something may have become ready. */
  fill(): void {
    if (this.#isClosed) return
    const [main, express] = [this.#main, this.#express]
    const isMainFree = main.waitsMs === undefined
    const isExpressFree = express.waitsMs === undefined
    const isMainBackSoon = main.waitsMs !== undefined && main.waitsMs <= this.#shortWaitMs
    if (isMainBackSoon || !(isMainFree || isExpressFree)) return
    const readings = this.#events.ready(this.#broker)
    if (readings.length === 0) return
    // Whoever has no answer yet wants to know the ends at once, also where there is nothing to read.
    const isNew = readings.some(({ highWatermark }) => highWatermark < 0)
    const waitMs = isMainFree && isExpressFree ? this.#waitMsMax : this.#shortWaitMs
    void this.#fetch(isMainFree ? main : express, readings, isNew ? 0 : waitMs)
  }

  close(): void {
    this.#isClosed = true
    this.#main.links.close()
    this.#express.links.close()
  }

  async #fetch(lane: Lane, readings: readonly Reading[], waitMs: number): Promise<void> {
    lane.waitsMs = waitMs
    this.#turn++
    const inTurn = [...readings].sort((a, b) => a.turn - b.turn)
    const partitions = inTurn.map(({ topic, partition, position, bytesMax }) => ({ topic, partition, position, bytesMax }))
    for (const reading of inTurn) reading.state = 'fetching'
    const bytesMax = Math.max(FETCH_BYTES_MAX, ...inTurn.map((reading) => reading.bytesMax))
    let answer: FetchAnswer
    try {
      const request = { waitMsMax: waitMs, bytesMax, partitions }
      answer = await lane.links.send(this.#broker, fetchApi, request, waitMs + this.#requestTimeoutMs)
      if (answer.errorCode !== code.NONE) throw new Refused(fetchApi.name, answer.errorCode)
    } catch (error) {
      lane.waitsMs = undefined
      if (!this.#isClosed) this.#events.onFailure(inTurn, error)
      return this.fill()
    }
    lane.waitsMs = undefined
    if (this.#isClosed) return
    const byId = new Map(answer.partitions.map((one) => [partitionId(one.topic, one.partition), one]))
    this.#events.onAnswer(
      inTurn.map((reading, index) => {
        const fetched = byId.get(partitionId(reading.topic, reading.partition))
        if (fetched && fetched.records.length > 0) reading.turn = this.#turn
        return { reading, from: partitions[index]?.position ?? reading.position, fetched }
      }),
    )
    this.fill()
  }
}
