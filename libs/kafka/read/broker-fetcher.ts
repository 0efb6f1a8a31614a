/**
 * Fetches from one broker the partitions that it leads.
 *
 * Two lanes, each a connection with at most one fetch under way. The *main* lane asks for everything that is ready and may wait
 * at the broker for data. What becomes ready meanwhile (assigned, resumed, or just delivered) does not wait for that: the
 * *express* lane asks for it with a short wait, until the main lane is back and takes all together again. So one quiet, slow
 * or paused partition never holds up another, and a new assignment is asked for at once or after EXPRESS_WAIT_MS.
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
  readonly waitMsMax: number
  isBusy: boolean
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
  #turn = 0
  #isClosed = false

  constructor(cluster: Cluster, broker: number, waitMsMax: number, events: FetcherEvents) {
    this.#broker = broker
    this.#events = events
    this.#requestTimeoutMs = cluster.settings.requestTimeoutMs
    this.#main = { links: cluster.openLinks(), waitMsMax, isBusy: false }
    this.#express = { links: cluster.openLinks(), waitMsMax: Math.min(EXPRESS_WAIT_MS, waitMsMax), isBusy: false }
  }

  /** Sends what can be sent. Called whenever something may have become ready. */
  fill(): void {
    if (this.#isClosed) return
    const lane = [this.#main, this.#express].find(({ isBusy }) => !isBusy)
    if (!lane) return
    const readings = this.#events.ready(this.#broker)
    if (readings.length > 0) void this.#fetch(lane, readings)
  }

  close(): void {
    this.#isClosed = true
    this.#main.links.close()
    this.#express.links.close()
  }

  async #fetch(lane: Lane, readings: readonly Reading[]): Promise<void> {
    lane.isBusy = true
    this.#turn++
    const inTurn = [...readings].sort((a, b) => a.turn - b.turn)
    const partitions = inTurn.map(({ topic, partition, position, bytesMax }) => ({ topic, partition, position, bytesMax }))
    for (const reading of inTurn) reading.state = 'fetching'
    const bytesMax = Math.max(FETCH_BYTES_MAX, ...inTurn.map((reading) => reading.bytesMax))
    let answer: FetchAnswer
    try {
      // Whoever has no answer yet wants to know the ends at once, also where there is nothing to read.
      const waitMsMax = inTurn.some(({ highWatermark }) => highWatermark < 0) ? 0 : lane.waitMsMax
      const request = { waitMsMax, bytesMax, partitions }
      answer = await lane.links.send(this.#broker, fetchApi, request, waitMsMax + this.#requestTimeoutMs)
      if (answer.errorCode !== code.NONE) throw new Refused(fetchApi.name, answer.errorCode)
    } catch (error) {
      lane.isBusy = false
      if (!this.#isClosed) this.#events.onFailure(inTurn, error)
      return this.fill()
    }
    lane.isBusy = false
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
