/** Two versions of an application side by side on the in-memory log, and the commands on them. */
import type { Topology } from '../../libs/dataflow/topology.ts'
import type { Log, LogRecord } from '../../libs/runtime/ports/log.ts'
import { abandonOpen, runSwitch } from '../../libs/runtime/switch/run-switch.ts'
import type { SwitchRequest, SwitchResult, SwitchStep } from '../../libs/runtime/switch/run-switch.ts'
import { giveUpReplay, startReplay } from '../../libs/runtime/switch/replays.ts'
import type { Pacing, Role, SharedState } from '../../libs/runtime/switch/shared-state.ts'
import { roleOf } from '../../libs/runtime/switch/shared-state.ts'
import { readShared } from '../../libs/runtime/switch/shared-topic.ts'
import type { SharedContext } from '../../libs/runtime/switch/shared-topic.ts'
import { MemoryApplication } from './memory-application.ts'
import type { ApplicationOptions, Seat, WorkerRequest } from './memory-application.ts'

const QUIET_MS = 400

export class TwoVersions {
  readonly app: MemoryApplication
  readonly #old: Topology
  readonly #next: Topology

  private constructor(app: MemoryApplication, old: Topology, next: Topology) {
    this.app = app
    this.#old = old
    this.#next = next
  }

  static async open(old: Topology, next: Topology, options: ApplicationOptions = {}): Promise<TwoVersions> {
    return new TwoVersions(await MemoryApplication.open(old, options), old, next)
  }

  context(signal = new AbortController().signal): SharedContext {
    return { log: this.app.log, clock: this.app.clock, application: this.app.plan.name, stallMs: 30_000, signal }
  }

  async startOld(request: WorkerRequest = {}): Promise<Seat> {
    return await this.app.start({ ...request, release: this.#old })
  }
  async startNew(request: WorkerRequest = {}): Promise<Seat> {
    return await this.app.start({ ...request, release: this.#next })
  }

  async replay(version = 2, pacing: Pacing = {}): Promise<SharedState> {
    return await this.app.during(startReplay(this.context(), version, pacing, 1))
  }
  async giveUp(version = 2): Promise<SharedState> {
    return await this.app.during(giveUpReplay(this.context(), version))
  }

  /** The first version, the second one, and its replay. */
  async bothRun(): Promise<{ readonly old: Seat; readonly next: Seat }> {
    const old = await this.startOld()
    await this.rest()
    const next = await this.startNew()
    await this.replay()
    await this.rest()
    return { old, next }
  }

  switching(request: Partial<SwitchRequest> = {}, log: Log = this.app.log): Promise<SwitchResult> {
    return runSwitch(
      { ...this.context(), log },
      {
        to: 2,
        purpose: 'promote',
        pauseMsMax: 10_000,
        keepWarm: false,
        fence: false,
        decide: 'flip',
        onStep: () => undefined,
        ...request,
      },
    )
  }
  /** The command dies, as by kill -9, when it comes to a step. */
  async killedAt(step: SwitchStep, request: Partial<SwitchRequest> = {}): Promise<void> {
    const connection = this.app.log.connect()
    let died = false
    const dead = this.switching(
      {
        ...request,
        onStep: (reached) => {
          if (reached !== step) return
          connection.kill()
          died = true
        },
      },
      connection,
    )
    // Whatever a dead process would say is heard by nobody.
    dead.catch(() => undefined)
    await this.app.until(() => died, `the command comes to ${step}`)
  }

  async promote(request: Partial<SwitchRequest> = {}): Promise<SwitchResult> {
    return await this.app.during(this.switching(request))
  }
  async rollback(): Promise<SwitchResult> {
    await this.replay(1)
    await this.rest()
    return await this.promote({ to: 1, purpose: 'rollback' })
  }
  async abandon(): Promise<void> {
    await this.app.during(abandonOpen(this.context(), 'by hand'))
  }

  async shared(): Promise<SharedState> {
    return await this.app.during(readShared(this.context()))
  }
  async role(version: number): Promise<Role> {
    return roleOf(await this.shared(), version)
  }

  /** Until the ends of all topics have stood still for a while: whatever was to happen has happened. */
  async rest(): Promise<void> {
    let last = ''
    let since = this.app.clock.monotonic()
    await this.app.until(async () => {
      const ends = await this.#ends()
      if (ends !== last) {
        last = ends
        since = this.app.clock.monotonic()
      }
      return this.app.clock.monotonic() - since >= QUIET_MS
    }, 'everything rests')
  }

  async #ends(): Promise<string> {
    const { admin } = this.app.log
    const described = await admin.describeTopics(await admin.listTopics())
    const partitions = [...described.values()].flatMap(({ name, partitions: count }) =>
      Array.from({ length: count }, (_, partition) => ({ topic: name, partition })),
    )
    return [...(await admin.ranges(partitions))].map(([id, range]) => `${id}=${range.end}`).join()
  }
}

/** `shop.v2/1` → 2. */
export function writerOf(record: LogRecord): number {
  const value = record.headers.find(([name]) => name === 'millrace')?.[1]
  return Number(/\.v(\d+)\//.exec(Buffer.from(value ?? []).toString('utf8'))?.[1])
}
