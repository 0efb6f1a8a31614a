/**
 * A TCP proxy before every broker of a cluster that understands enough of Kafka's protocol to spoil one chosen request or answer
 * (faults.ts says how). It rewrites the addresses in answers, so that all traffic of its clients goes through it. One proxy for each
 * client (worker) makes the client choosable: proxies are cheap.
 *
 *     const proxy = await FaultProxy.open(kafka.brokers)
 *     const lost = proxy.once({ api: 'EndTxn', on: 'response', nth: 2 }, drop)
 *     const log = kafkaLog({ brokers: proxy.brokers })        // or a worker with --brokers
 *     await lost.untilHit()
 *
 * For clients of Millrace and kafkajs; plain listeners only.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import type { BrokerAddress } from './broker-addresses.ts'
import type { Fault } from './faults.ts'
import { pass } from './faults.ts'
import { FaultRules, Rule } from './fault-rules.ts'
import type { Match } from './fault-rules.ts'
import type { KafkaRequest } from './kafka-request.ts'
import { ProxiedConnection } from './proxied-connection.ts'

const HOST = '127.0.0.1'

interface Front {
  readonly server: Server
  readonly port: number
  target: { readonly host: string; readonly port: number }
}

export class FaultProxy {
  /** Sees every request: for a test that keeps a record of them. */
  onRequest: ((request: KafkaRequest) => void) | undefined
  readonly #fronts = new Map<number, Promise<Front>>()
  readonly #connections = new Set<ProxiedConnection>()
  readonly #rules = new FaultRules()
  readonly #speeds = new Map<number | undefined, number>()
  #isAway = false
  #connectionCount = 0
  #addresses: readonly string[] = []

  private constructor() {}

  static async open(brokers: readonly string[]): Promise<FaultProxy> {
    const proxy = new FaultProxy()
    const log = kafkaLog({ brokers, clientId: 'fault-proxy' })
    try {
      const facts = await log.admin.brokers()
      const found = facts.brokers.map(({ id, address }) => {
        const at = address.lastIndexOf(':')
        return { id, host: address.slice(0, at), port: Number(address.slice(at + 1)) }
      })
      const own = await Promise.all(found.map((broker) => proxy.#addressOf(broker)))
      proxy.#addresses = own.map(({ host, port }) => `${host}:${port}`)
    } finally {
      await log.close()
    }
    return proxy
  }

  /** What the client takes for the cluster. */
  get brokers(): string[] {
    return [...this.#addresses]
  }

  /** The fault for the first (or `nth`) that matches. */
  once(match: Match, fault: Fault): Rule {
    return this.times(1, match, fault)
  }

  times(count: number, match: Match, fault: Fault): Rule {
    return this.#rules.add(new Rule(match, fault, count))
  }

  /** Until the rule is ended, or `heal`. */
  always(match: Match, fault: Fault): Rule {
    return this.times(Infinity, match, fault)
  }

  /** Counts, and does nothing. */
  watch(match: Match): Rule {
    return this.always(match, pass)
  }

  /** Speed of each connection and direction, to one broker or all. Undefined: as fast as it goes. */
  throttle(bytesPerSecond: number | undefined, broker?: number): void {
    if (bytesPerSecond === undefined) this.#speeds.delete(broker)
    else this.#speeds.set(broker, bytesPerSecond)
  }

  /** The network is away: every connection ends, and no new one is taken, until `heal`. */
  cutOff(): void {
    this.#isAway = true
    this.cutAll()
  }

  /** Ends every connection, once. */
  cutAll(): void {
    for (const connection of this.#connections) connection.close()
  }

  /** No fault any more. What was held goes on. */
  heal(): void {
    this.#isAway = false
    this.#speeds.clear()
    this.#rules.clear('release')
  }

  async close(): Promise<void> {
    this.#rules.clear('forget')
    const fronts = await Promise.all(this.#fronts.values())
    const closed = fronts.map(({ server }) => new Promise((resolve) => server.close(resolve)))
    this.cutAll()
    await Promise.all(closed)
  }

  async #addressOf({ id, host, port }: BrokerAddress): Promise<{ host: string; port: number }> {
    const known = this.#fronts.get(id)
    const opening = known ?? this.#open(id, { host, port })
    if (known === undefined) this.#fronts.set(id, opening)
    const front = await opening
    front.target = { host, port }
    return { host: HOST, port: front.port }
  }

  async #open(broker: number, target: { readonly host: string; readonly port: number }): Promise<Front> {
    const server = createServer((socket) => this.#take(socket, broker, front))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, HOST, resolve)
    })
    const front: Front = { server, port: (server.address() as AddressInfo).port, target } // Of a TCP server that listens.
    return front
  }

  #take(client: Socket, broker: number, front: Front): void {
    if (this.#isAway) {
      client.destroy()
      return
    }
    const connection: ProxiedConnection = new ProxiedConnection(client, {
      number: ++this.#connectionCount,
      broker,
      target: () => front.target,
      rules: this.#rules,
      addressOf: (address) => this.#addressOf(address),
      speed: () => this.#speeds.get(broker) ?? this.#speeds.get(undefined),
      onRequest: (request) => this.onRequest?.(request),
      onClose: () => this.#connections.delete(connection),
    })
    this.#connections.add(connection)
  }
}
