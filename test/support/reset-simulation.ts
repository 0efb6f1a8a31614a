/**
 * One application, one seed: workers that start, stop, die and sleep, requests that are lost or late, and between them resets, by a tool while the
 * group is empty and by the command while workers run, killed at any step. In the end the newest epoch of each task is what plain loops make
 * of the records from its start on, and every older epoch is a beginning of what it would have become: nothing counts twice, nothing is mixed.
 */
import type { Fault } from '../../libs/faults/fault.ts'
import type { LateArrival, LogCall } from '../../libs/memory/log-faults.ts'
import { outcomeUnknown } from '../../libs/memory/memory-faults.ts'
import { announce } from '../../libs/runtime/reset/announce.ts'
import { planReset } from '../../libs/runtime/reset/plan-reset.ts'
import type { ApplicationView } from '../../libs/runtime/reset/application-view.ts'
import { resolveSettings } from '../../libs/runtime/settings/configuration.ts'
import type { ProbePoint } from '../../libs/runtime/task/commit.ts'
import { memoryHome } from '../../libs/state/memory-store.ts'
import type { MemoryHome } from '../../libs/state/memory-store.ts'
import { chainedRides, GARBAGE, onlyChains, recompute, rides } from './chained-rides.ts'
import type { Expected, Sent } from './chained-rides.ts'
import { MemoryApplication } from './memory-application.ts'
import type { Seat } from './memory-application.ts'
import { readEpochs } from './epoch-outputs.ts'
import { announceSteps, commitPoints } from './reset-cases.ts'
import { mulberry32 } from './shuffled-schedule.ts'

const PARTITIONS = 2
const USERS = 6
const PAGES = 3
const WORKERS_MAX = 3
const DISKS = 4
const START = Date.UTC(2026, 0, 1)
const points: readonly ProbePoint[] = [...commitPoints, ...announceSteps]
const losable = new Set(['send', 'sendPositions', 'commit', 'openProducer', 'committed', 'ranges'])
const delayable = new Set([...losable, 'fetch', 'join', 'marker'])

/** What one epoch left in the outputs. */
type Outputs = Pick<Expected, 'chains' | 'finals'>

export interface SimulatedReset {
  /** Newest epoch: what was found and what it must be. */
  readonly found: Outputs & { readonly errors: readonly string[] }
  readonly expected: Outputs & { readonly errors: readonly string[] }
  /** What must not be: results of an older epoch that no beginning of it explains, epochs that go back. */
  readonly mixtures: readonly string[]
  readonly resets: number
  readonly events: readonly string[]
}

/** Partition → where the newest epoch starts. */
type Starts = readonly number[]

interface Disk {
  readonly home: MemoryHome
  used: boolean
}

export async function simulateResets(seed: number, steps: number, stages: 1 | 2): Promise<SimulatedReset> {
  const simulation = new ResetSimulation(seed, stages)
  await simulation.open()
  for (let step = 0; step < steps; step += 1) await simulation.step()
  return await simulation.end()
}

class ResetSimulation {
  readonly #random: () => number
  readonly #stages: 1 | 2
  readonly #sent: Sent[] = []
  readonly #disks: Disk[] = Array.from({ length: DISKS }, () => ({ home: memoryHome(), used: false }))
  readonly #diskOf = new Map<Seat, Disk>()
  readonly #frozen: [memberId: string, seat: Seat][] = []
  readonly #late: (() => void)[] = []
  readonly #events: string[] = []
  #starts: Starts = Array.from({ length: PARTITIONS }, () => 0)
  /** Where any epoch of a partition ever started. */
  readonly #began = Array.from({ length: PARTITIONS }, () => new Set([0]))
  #resets = 0
  #app: MemoryApplication | undefined
  #calm = false
  #dying: { readonly seat: Seat; readonly point: ProbePoint } | undefined

  constructor(seed: number, stages: 1 | 2) {
    this.#random = mulberry32(seed)
    this.#stages = stages
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
    this.#app = await MemoryApplication.open(this.#stages === 1 ? onlyChains : chainedRides, {
      partitions: PARTITIONS,
      settings: { commitIntervalMs: this.#oneOf([0, 20, 100]) ?? 0, markerIntervalMs: this.#oneOf([0, 50, 300]) ?? 0, maxIdleMs: 200 },
    })
    this.app.log.faults = { before: (call) => this.#before(call), after: (call) => this.#after(call) }
    this.#start()
  }

  // ---- what goes wrong by itself

  #before(call: LogCall): undefined | Promise<undefined | LateArrival> {
    // The test's own requests are always answered.
    if (this.#calm || call.connection === this.app.log.name || call.operation === 'createTopics') return undefined
    const { clock } = this.app
    if ((call.operation === 'send' || call.operation === 'sendPositions' || call.operation === 'commit') && this.#chance(0.01)) {
      this.#events.push(`${call.operation} of ${call.connection} comes late`)
      const arrives = new Promise<void>((resolve) => this.#late.push(resolve))
      return Promise.resolve({ fault: outcomeUnknown(call.operation), arrives })
    }
    if (losable.has(call.operation) && this.#chance(0.005)) throw this.#lost(call)
    if (!delayable.has(call.operation) || !this.#chance(0.15)) return undefined
    return clock.sleep(this.#below(80)).then(() => undefined)
  }

  #after(call: LogCall): undefined {
    if (!this.#calm && call.connection !== this.app.log.name && losable.has(call.operation) && this.#chance(0.005)) throw this.#lost(call)
    return undefined
  }

  #lost(call: LogCall): Fault {
    this.#events.push(`${call.operation} of ${call.connection} is lost`)
    return outcomeUnknown(call.operation)
  }

  // ---- what is done

  async step(): Promise<void> {
    const live = this.#live()
    const seat = this.#oneOf(live)
    const dice = this.#random()
    if (dice < 0.45 || seat === undefined) await this.#send(1 + this.#below(6))
    else if (dice < 0.52) this.#kill(seat)
    else if (dice < 0.66) this.#dying ??= { seat, point: this.#oneOf(points) ?? 'before-send' }
    else if (dice < 0.7) await this.#stop(seat)
    else if (dice < 0.74) this.#freeze(seat)
    else if (dice < 0.77) this.#thaw()
    else if (dice < 0.8) seat.worker.rejoin()
    else if (dice < 0.83) this.#late.shift()?.()
    else if (dice < 0.87) await this.#moveByTool()
    else if (dice < 0.92) await this.#resetByCommand()
    else if (dice < 0.95) await this.#compact()
    else await this.app.clock.pass(this.#below(15_000))
    if (this.#live().length < WORKERS_MAX && this.#chance(this.#live().length === 0 ? 0.6 : 0.15)) this.#start()
    await this.app.clock.pass(this.#below(300))
  }

  async #send(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const user = this.#below(USERS)
      const id = this.#sent.length + 1
      const at = START + id * 4_000 + this.#below(30_000) - (this.#chance(0.1) ? this.#below(200_000) : 0)
      const ride = this.#chance(0.03) ? GARBAGE : { page: `/${this.#below(PAGES)}`, at, id }
      await this.#append({ partition: user % PARTITIONS, key: `user-${user}`, ride })
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
      probe: (_, point) => {
        if (this.#dying?.seat !== seat || this.#dying.point !== point) return
        this.#dying = undefined
        this.#kill(seat, point)
        throw new Error('the worker dies here')
      },
    })
    this.#events.push(`start ${seat.connection.name} on disk ${this.#disks.indexOf(disk)}`)
    this.#diskOf.set(seat, disk)
    ready.catch((error: unknown) => {
      this.#events.push(`start of ${seat.connection.name} failed: ${String(error)}`)
      if (!seat.killed && seat.alive) this.#kill(seat)
    })
  }

  #kill(seat: Seat, point = ''): void {
    this.#events.push(`kill ${seat.connection.name} ${point}`)
    this.app.kill(seat)
    const disk = this.#diskOf.get(seat)
    if (disk !== undefined) disk.used = false
  }

  async #stop(seat: Seat): Promise<void> {
    this.#events.push(`stop ${seat.connection.name}`)
    if (this.#dying?.seat === seat) this.#dying = undefined
    seat.alive = false
    await this.app.during(seat.worker.stop())
    const disk = this.#diskOf.get(seat)
    if (disk !== undefined) disk.used = false
  }

  #freeze(seat: Seat): void {
    const { memberId } = seat.worker.identity
    if (seat.connection.findMember(memberId) === undefined || this.#frozen.some(([frozen]) => frozen === memberId)) return
    this.#events.push(`freeze ${seat.connection.name}`)
    this.app.log.freeze(memberId)
    this.#frozen.push([memberId, seat])
  }

  #thaw(): void {
    const frozen = this.#frozen.shift()
    if (frozen === undefined || !frozen[1].alive || frozen[1].connection.findMember(frozen[0]) === undefined) return
    this.#events.push(`thaw ${frozen[1].connection.name}`)
    this.app.log.thaw(frozen[0])
  }

  async #compact(): Promise<void> {
    const existing = new Set(await this.app.log.admin.listTopics())
    const names = ['control', 'chain.changelog', 'minute.changelog', 'rides.commits', 'page.commits']
    for (const name of names.map((one) => this.app.internal(one))) if (existing.has(name)) this.app.log.compact(name)
  }

  /** Frozen workers stay: they come back, and think that they still have their tasks. */
  async #moveByTool(): Promise<void> {
    const frozen = new Set(this.#frozen.filter(([memberId, seat]) => seat.worker.identity.memberId === memberId).map(([, seat]) => seat))
    for (const seat of this.#live().filter((one) => !frozen.has(one))) {
      if (this.#chance(0.5)) this.#kill(seat)
      else await this.#stop(seat)
    }
    const { app } = this
    await app.until(() => app.log.membersOf(app.group).length === 0, 'the group is empty')
    for (const arrive of this.#late.splice(0)) arrive()
    await app.clock.pass(10_001)
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition)
    const committed = await Promise.all(partitions.map(async (partition) => (await app.committed(rides.topic, partition))?.position))
    // With one stage a partition moves alone; with two all of them, some perhaps to where they were.
    const moved = partitions.filter(() => this.#stages === 2 || this.#chance(0.6))
    const targets = new Map(moved.map((partition) => [partition, this.#below((committed[partition] ?? 0) + 1)]))
    // Nothing is a move if none goes back, and what is nowhere yet is no reset.
    if (committed.includes(undefined) || ![...targets].some(([partition, to]) => to < (committed[partition] ?? 0))) return
    if (this.#stages === 1) for (const [partition, to] of targets) if (to === committed[partition]) targets.delete(partition)
    this.#events.push(`the tool moves ${JSON.stringify([...targets])} from ${JSON.stringify(committed)}`)
    await app.moveOffsets(Object.fromEntries([...targets].map(([partition, to]) => [`${rides.topic}:${partition}`, to])))
    this.#begins(targets)
    this.#start()
    const seat = this.#live().at(-1)
    if (seat !== undefined && this.#chance(0.5)) this.#dying = { seat, point: this.#oneOf(points) ?? 'before-send' }
  }

  #begins(targets: ReadonlyMap<number, number>): void {
    this.#resets += 1
    for (const [partition, to] of targets) this.#began[partition]?.add(to)
    this.#starts = this.#starts.map((start, partition) => targets.get(partition) ?? start)
  }

  /** `millrace reset`, which may die at any step; then the log says whether it happened. */
  async #resetByCommand(): Promise<void> {
    const { app } = this
    const wiring = this.#live()[0]?.worker.prepared?.wiring
    if (wiring === undefined) return
    const connection = app.log.connect()
    const dies = this.#chance(0.3) ? this.#oneOf(announceSteps) : undefined
    let chosen = new Map<number, number>()
    const choose = (view: ApplicationView): ReadonlyMap<string, number> | undefined => {
      if (view.partitions.some(({ stands }) => stands === undefined)) return undefined
      const wanted = view.partitions.filter(() => this.#stages === 2 || this.#chance(0.7))
      if (wanted.length === 0) return undefined
      chosen = new Map(wanted.map(({ partition, stands = 0 }) => [partition, this.#below(stands + 1)]))
      const targets = new Map(wanted.map(({ id, partition }) => [id, chosen.get(partition) ?? 0]))
      const { partitions } = planReset(app.group, view, targets, { acceptGap: false, acceptSkip: true })
      return new Map(partitions.map(({ id, to }) => [id, to]))
    }
    const before = this.#newestAnnounced()
    const announced = announce(
      {
        log: connection,
        clock: app.clock,
        settings: resolveSettings({ readSecret: () => '' }),
        wiring,
        signal: new AbortController().signal,
        identity: () => ({ groupId: app.group, memberId: '', generation: -1 }),
        onNote: () => undefined,
        onStep: (step) => {
          if (step !== dies) return
          connection.kill()
          throw new Error('the command dies here')
        },
      },
      choose,
    )
    await app.during(announced.catch((error: unknown) => this.#events.push(`the command fails: ${String(error)}`)))
    // Its last request may still be on the wire, or its transaction open.
    for (const arrive of this.#late.splice(0)) arrive()
    await app.clock.pass(10_001)
    const own = this.#announcements().find(
      ({ epoch, positions }) =>
        epoch > before && chosen.size > 0 && [...chosen].every(([partition, to]) => positions[`${rides.topic}:${partition}`] === to),
    )
    this.#events.push(own === undefined ? 'the command did nothing' : `the command announced ${JSON.stringify(own)}`)
    if (own !== undefined) this.#begins(chosen)
    if (dies === undefined) await connection.close()
  }

  // ---- what the log says

  #announcements(): readonly { readonly epoch: number; readonly positions: Readonly<Record<string, number>> }[] {
    return this.app.log.entries(this.app.internal('control'), 0).flatMap((entry) => {
      if (entry.kind !== 'data' || entry.state !== 'committed' || entry.record.value === null) return []
      if (Buffer.from(entry.record.key ?? []).toString() !== 'epoch') return []
      return [JSON.parse(Buffer.from(entry.record.value).toString())]
    })
  }

  #newestAnnounced(): number {
    return Math.max(0, ...this.#announcements().map(({ epoch }) => epoch))
  }

  // ---- the end

  async end(): Promise<SimulatedReset> {
    this.#calm = true
    this.#dying = undefined
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
    const errors = this.app.seats.flatMap(({ notes, killed }) =>
      killed ? [] : notes.filter(({ level }) => level === 'error').map(({ message }) => message),
    )
    const epochs = new Map(this.app.tasks().map((task) => [task.name, task.held?.ledger.record.epoch ?? 0]))
    const outputs = await readEpochs(this.app, this.#stages)
    const { chains: links, finals } = this.#recomputed(this.#starts)
    const found: Record<string, readonly string[]> = {}
    for (const [user, byEpoch] of outputs.chains) {
      const newest = byEpoch.get(epochs.get(`rides.${partitionOf(user)}`) ?? 0)
      if (newest !== undefined) found[user] = newest
    }
    const result: SimulatedReset = {
      found: { chains: found, finals: outputs.finals.get(Math.max(...epochs.values())) ?? [], errors },
      expected: { chains: links, finals: this.#stages === 1 ? [] : finals, errors: [] },
      mixtures: [...outputs.backwards, ...this.#unexplained(outputs.chains), ...this.#staleEpochs(epochs)],
      resets: this.#resets,
      events: this.#events,
    }
    await this.app.close()
    return result
  }

  #recomputed(starts: readonly number[]): Expected {
    const seen = Array.from({ length: PARTITIONS }, () => 0)
    return recompute(
      this.#sent.filter(({ partition }) => {
        const offset = seen[partition] ?? 0
        seen[partition] = offset + 1
        return offset >= (starts[partition] ?? 0)
      }),
    )
  }

  /** Chains of any epoch that are not how some start of that partition would go on. */
  #unexplained(found: ReadonlyMap<string, ReadonlyMap<number, readonly string[]>>): string[] {
    const possible = this.#began.map((starts) => [...starts].map((start) => this.#recomputed(this.#began.map(() => start)).chains))
    return [...found].flatMap(([user, byEpoch]) =>
      [...byEpoch].flatMap(([epoch, links]) => {
        const explained = (possible[partitionOf(user)] ?? []).some((all) => links.every((link, index) => all[user]?.[index] === link))
        return explained ? [] : [`${user} in epoch ${epoch}: ${links.join(', ')}`]
      }),
    )
  }

  /** With two stages all tasks end in one epoch. */
  #staleEpochs(epochs: ReadonlyMap<string, number>): string[] {
    if (this.#stages === 1) return []
    const newest = Math.max(...epochs.values())
    return [...epochs].filter(([, epoch]) => epoch !== newest).map(([task, epoch]) => `${task} is in epoch ${epoch} of ${newest}`)
  }
}

const partitionOf = (user: string): number => Number(user.split('-')[1]) % PARTITIONS
