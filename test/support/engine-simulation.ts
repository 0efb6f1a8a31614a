/**
 * One application, one seed: workers that start, stop, die, sleep and are expelled, a broker that loses answers, delays requests and is away,
 * stores that fail; and what must hold in the end. The same seed is the same run.
 */
import { Fault } from '../../libs/faults/fault.ts'
import type { LateArrival, LogCall } from '../../libs/memory/log-faults.ts'
import { outcomeUnknown } from '../../libs/memory/memory-faults.ts'
import { decodeCommitRecord } from '../../libs/runtime/task/commit-record.ts'
import type { CommitPoint } from '../../libs/runtime/task/commit.ts'
import type { Task } from '../../libs/runtime/task/task.ts'
import type { UnsettledLayer } from '../../libs/runtime/task/run-context.ts'
import { MARK_KEY, REGISTRY_KEY } from '../../libs/state/key-layout.ts'
import { memoryHome } from '../../libs/state/memory-store.ts'
import type { MemoryHome } from '../../libs/state/memory-store.ts'
import { BAD_PAGE, chainedRides, chains, GARBAGE, perPage, recompute, rides } from './chained-rides.ts'
import type { Expected, Sent } from './chained-rides.ts'
import { MemoryApplication } from './memory-application.ts'
import type { Seat } from './memory-application.ts'
import { mulberry32 } from './shuffled-schedule.ts'

const PARTITIONS = 2
const USERS = 6
const PAGES = 3
const WORKERS_MAX = 3
const DISKS = 4
const START = Date.UTC(2026, 0, 1)
const points: readonly CommitPoint[] = [
  'before-send',
  'after-send',
  'before-end-of-transaction',
  'after-end-of-transaction',
  'after-store-write',
]
const losable = new Set(['send', 'sendPositions', 'commit', 'openProducer', 'committed', 'ranges'])
const delayable = new Set(['send', 'sendPositions', 'commit', 'openProducer', 'fetch', 'join', 'committed', 'marker'])

/** What must be equal. */
export interface Ending extends Omit<Expected, 'links'> {
  /** Records that the counters of both stages speak of. */
  readonly counted: { readonly first: number; readonly second: number }
  /** Keys in which a store restored from nothing differs from the one that was kept. */
  readonly storeDifferences: readonly string[]
  /** What workers that live in the end complained about. */
  readonly errors: readonly string[]
}

export interface Simulated {
  readonly expected: Ending
  readonly found: Ending
  readonly events: readonly string[]
}

interface Disk {
  readonly home: MemoryHome
  used: boolean
}

export async function simulate(seed: number, steps: number): Promise<Simulated> {
  const simulation = new EngineSimulation(seed)
  await simulation.open()
  for (let step = 0; step < steps; step += 1) await simulation.step()
  return await simulation.end()
}

class EngineSimulation {
  readonly #random: () => number
  readonly #sent: Sent[] = []
  readonly #disks: Disk[]
  readonly #diskOf = new Map<Seat, Disk>()
  readonly #frozen: [memberId: string, seat: Seat][] = []
  /** All that ever committed. */
  readonly #tasks = new Set<Task>()
  readonly #late: (() => void)[] = []
  readonly #events: string[] = []
  #app: MemoryApplication | undefined
  #calm = false
  #awayUntil = 0
  #dying: { readonly seat: Seat; readonly point: CommitPoint } | undefined

  constructor(seed: number) {
    this.#random = mulberry32(seed)
    this.#disks = Array.from({ length: DISKS }, () => ({ home: memoryHome({ faultAt: () => this.#storeFault() }), used: false }))
  }

  get app(): MemoryApplication {
    if (this.#app === undefined) throw new Error('it is open')
    return this.#app
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }
  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
  #oneOf<T>(all: readonly T[]): T | undefined {
    return all[this.#below(all.length)]
  }
  #live(): Seat[] {
    return this.app.seats.filter(({ alive, worker }) => alive && worker.state !== 'failed' && worker.state !== 'stopped')
  }

  async open(): Promise<void> {
    this.#app = await MemoryApplication.open(chainedRides, {
      partitions: PARTITIONS,
      settings: { commitIntervalMs: this.#oneOf([0, 20, 100]) ?? 0, markerIntervalMs: this.#oneOf([0, 50, 300]) ?? 0, maxIdleMs: 200 },
    })
    this.app.log.faults = { before: (call) => this.#before(call), after: (call) => this.#after(call) }
    this.#start()
  }

  // ---- what goes wrong by itself

  #storeFault(): 'before' | 'after' | undefined {
    if (this.#calm || !this.#chance(0.01)) return undefined
    this.#events.push('a store fails')
    return this.#chance(0.5) ? 'before' : 'after'
  }

  #before(call: LogCall): undefined | Promise<undefined | LateArrival> {
    // The test's own requests are always answered.
    if (this.#calm || call.connection === this.app.log.name || call.operation === 'createTopics') return undefined
    const { clock } = this.app
    if (call.operation !== 'marker' && clock.monotonic() < this.#awayUntil) throw new Fault('MR3008', 'retry', 'the broker is away')
    if ((call.operation === 'send' || call.operation === 'sendPositions' || call.operation === 'commit') && this.#chance(0.01)) {
      this.#events.push(`${call.operation} comes late`)
      const arrives = new Promise<void>((resolve) => this.#late.push(resolve))
      return Promise.resolve({ fault: outcomeUnknown(call.operation), arrives })
    }
    if (losable.has(call.operation) && this.#chance(0.01)) throw this.#lost(call)
    if (!delayable.has(call.operation) || !this.#chance(0.1)) return undefined
    return clock.sleep(this.#below(60)).then(() => undefined)
  }

  #after(call: LogCall): undefined {
    if (!this.#calm && call.connection !== this.app.log.name && losable.has(call.operation) && this.#chance(0.01)) throw this.#lost(call)
    return undefined
  }

  #lost(call: LogCall): Fault {
    this.#events.push(`${call.operation} is lost`)
    return outcomeUnknown(call.operation)
  }

  // ---- what is done

  async step(): Promise<void> {
    const live = this.#live()
    const seat = this.#oneOf(live)
    const dice = this.#random()
    if (dice < 0.5 || seat === undefined) await this.#send(1 + this.#below(6))
    else if (dice < 0.56) this.#kill(seat)
    else if (dice < 0.68) this.#dying ??= { seat, point: this.#oneOf(points) ?? 'before-send' }
    else if (dice < 0.72) await this.#stop(seat)
    else if (dice < 0.77) this.#freeze(seat)
    else if (dice < 0.8) this.#expel(seat)
    else if (dice < 0.84) seat.worker.rejoin()
    else if (dice < 0.87) this.#thaw()
    else if (dice < 0.89) this.#awayUntil = this.app.clock.monotonic() + this.#below(15_000)
    else if (dice < 0.92) await this.#compact()
    else if (dice < 0.95) this.#late.shift()?.()
    else await this.app.clock.pass(this.#below(20_000))
    if (live.length < WORKERS_MAX && this.#chance(live.length === 0 ? 0.6 : 0.12)) this.#start()
    await this.app.clock.pass(this.#below(200))
    for (const { worker } of this.app.seats) worker.status()
  }

  async #send(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const user = this.#below(USERS)
      const id = this.#sent.length + 1
      const at = START + id * 4_000 + this.#below(30_000) - (this.#chance(0.1) ? this.#below(200_000) : 0)
      const page = this.#chance(0.03) ? BAD_PAGE : `/${this.#below(PAGES)}`
      await this.#append({ partition: user % PARTITIONS, key: `user-${user}`, ride: this.#chance(0.03) ? GARBAGE : { page, at, id } })
    }
  }

  async #append(one: Sent): Promise<void> {
    this.#sent.push(one)
    const value = Buffer.from(one.ride === GARBAGE ? GARBAGE : JSON.stringify(one.ride))
    await this.app.log.append([
      { topic: rides.topic, partition: one.partition, records: [{ key: Buffer.from(one.key), value, timestamp: 0, headers: [] }] },
    ])
  }

  #start(): void {
    const disk = this.#oneOf(this.#disks.filter(({ used }) => !used))
    if (disk === undefined) return
    disk.used = true
    const { seat, ready } = this.app.launch({
      home: disk.home,
      probe: (task, point) => {
        const found = seat.worker.tasks.get(task)
        if (found !== undefined) this.#tasks.add(found)
        if (this.#dying?.seat !== seat || this.#dying.point !== point) return
        this.#dying = undefined
        this.#kill(seat)
        throw new Error('the worker dies here')
      },
    })
    this.#events.push(`start ${seat.connection.name}`)
    this.#diskOf.set(seat, disk)
    // A start that fails is a worker that its orchestrator starts again.
    ready.catch((error: unknown) => {
      this.#events.push(`start of ${seat.connection.name} failed: ${String(error)}`)
      if (!seat.killed) this.#kill(seat)
    })
  }

  #kill(seat: Seat): void {
    this.#events.push(`kill ${seat.connection.name}`)
    this.app.kill(seat)
    const disk = this.#diskOf.get(seat)
    if (disk !== undefined) disk.used = false
  }

  /** Whether the transaction stands in the log. */
  #happened(task: Task, { record }: UnsettledLayer): boolean {
    const { commitTopic, partition } = task.context.task
    return this.app.log.entries(commitTopic, partition).some((entry) => {
      if (entry.kind !== 'data' || entry.state !== 'committed' || entry.record.value === null) return false
      const found = decodeCommitRecord(entry.record.value)
      return found?.n === record.n && found.acquisition === record.acquisition
    })
  }

  async #stop(seat: Seat): Promise<void> {
    this.#events.push(`stop ${seat.connection.name}`)
    seat.alive = false
    await this.app.during(seat.worker.stop())
    const disk = this.#diskOf.get(seat)
    if (disk !== undefined) disk.used = false
  }

  #freeze(seat: Seat): void {
    const { memberId } = seat.worker.identity
    if (seat.connection.findMember(memberId) === undefined) return
    this.#events.push(`freeze ${seat.connection.name}`)
    this.app.log.freeze(memberId)
    this.#frozen.push([memberId, seat])
  }

  #thaw(): void {
    const frozen = this.#frozen.shift()
    // One that was stopped meanwhile has no more to say; its session runs out.
    if (frozen === undefined || !frozen[1].alive || frozen[1].connection.findMember(frozen[0]) === undefined) return
    this.#events.push(`thaw ${frozen[1].connection.name}`)
    this.app.log.thaw(frozen[0])
  }

  #expel(seat: Seat): void {
    const { memberId } = seat.worker.identity
    if (!this.app.log.membersOf(this.app.group).includes(memberId)) return
    this.#events.push(`expel ${seat.connection.name}`)
    this.app.log.expel(this.app.group, memberId)
  }

  async #compact(): Promise<void> {
    // Commit topics only while they are not needed to see what happened.
    const isSettled = [...this.#tasks].every((task) => task.unsettled === undefined)
    const names = ['control', 'chain.changelog', 'minute.changelog', ...(isSettled ? ['rides.commits', 'page.commits'] : [])]
    const existing = new Set(await this.app.log.admin.listTopics())
    for (const name of names.map((one) => this.app.internal(one))) if (existing.has(name)) this.app.log.compact(name)
  }

  // ---- the end

  async end(): Promise<Simulated> {
    this.#calm = true
    this.#dying = undefined
    this.#awayUntil = 0
    for (const arrive of this.#late) arrive()
    while (this.#frozen.length > 0) this.#thaw()
    const last = Math.max(0, ...this.#sent.map(({ ride }) => (ride === GARBAGE ? 0 : ride.at)))
    for (let partition = 0; partition < PARTITIONS; partition += 1)
      await this.#append({ partition, key: `user-${partition}`, ride: { page: '/end', at: last + 600_000, id: 1_000_001 } })
    if (this.#live().length === 0) this.#start()
    await this.app.settle()
    // Markers that are held back.
    await this.app.clock.pass(1_000)
    await this.app.settle()
    const { first, second } = this.#counted()
    const found = await this.#found()
    const storeDifferences = await this.#storeDifferences()
    const errors = this.app.seats.flatMap(({ notes, killed }) =>
      killed ? [] : notes.filter(({ level }) => level === 'error').map(({ message }) => message),
    )
    const { links, ...expected } = recompute(this.#sent)
    const result: Simulated = {
      expected: { ...expected, counted: { first: this.#sent.length, second: links }, storeDifferences: [], errors: [] },
      found: { ...found, counted: { first, second }, storeDifferences, errors },
      events: this.#events,
    }
    await this.app.close()
    return result
  }

  #counted(): { first: number; second: number; late: number; filtered: number } {
    const sum = { first: 0, second: 0, late: 0, filtered: 0 }
    const add = (task: string, counts: UnsettledLayer['counts']): void => {
      sum[task.startsWith('rides') ? 'first' : 'second'] +=
        counts.processed + counts.filtered + counts.late + counts.refused + counts.dropped
      sum.late += counts.late
      sum.filtered += counts.filtered
    }
    for (const task of this.#tasks) {
      add(task.name, task.totals)
      // It ended before it could know, and count.
      if (task.unsettled !== undefined && this.#happened(task, task.unsettled)) add(task.name, task.unsettled.counts)
    }
    return sum
  }

  async #found(): Promise<Omit<Expected, 'links'>> {
    const found: Record<string, string[]> = {}
    for (const [key, value] of await this.app.readText(chains.topic)) {
      const { n, hash } = value as { n: number; hash: string } // Written by the topology.
      ;(found[key] ??= []).push(`${n} ${hash}`)
    }
    const finals = (await this.app.readText(perPage.topic)).map(([, value]) => JSON.stringify(value)).toSorted()
    const refused = (await this.app.read(this.app.internal('dead-letters'))).length
    const { late, filtered } = this.#counted()
    return { chains: found, finals, refused, filtered, late }
  }

  /** A worker with an empty disk must come to the very state that the others keep. */
  async #storeDifferences(): Promise<string[]> {
    const kept = contents(this.app.tasks())
    for (const seat of this.#live()) await this.#stop(seat)
    await this.app.run({ home: memoryHome() })
    const restored = contents(this.app.tasks())
    return [...new Set([...kept.keys(), ...restored.keys()])]
      .filter((key) => kept.get(key) !== restored.get(key))
      .map((key) => `${key}: kept ${kept.get(key)}, restored ${restored.get(key)}`)
  }
}

function contents(tasks: readonly Task[]): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (const task of tasks) {
    for (const [key, value] of task.held?.store.scan({ from: Buffer.alloc(0), to: undefined, limit: Infinity }) ?? []) {
      if (Buffer.compare(key, MARK_KEY) === 0 || Buffer.compare(key, REGISTRY_KEY) === 0) continue
      all.set(`${task.name} ${Buffer.from(key).toString('hex')}`, Buffer.from(value).toString('latin1'))
    }
  }
  return all
}
