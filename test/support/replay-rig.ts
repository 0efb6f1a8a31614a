/**
 * Versions of one application on a real broker: their workers as processes, the replay commands as processes, orders that keep coming, and
 * the check that every result stands in the real topics once. For test/integration/engine/topologies/versions.ts.
 */
import { LATENESS_MAX_MS, WINDOW_MS } from '../integration/engine/topologies/versions.ts'
import { systemClock } from '../../libs/runtime/ports/clock.ts'
import { abandonOpen } from '../../libs/runtime/switch/run-switch.ts'
import type { EndedSwitch, Role, SharedState } from '../../libs/runtime/switch/shared-state.ts'
import { roleOf } from '../../libs/runtime/switch/shared-state.ts'
import { readShared } from '../../libs/runtime/switch/shared-topic.ts'
import type { SharedContext } from '../../libs/runtime/switch/shared-topic.ts'
import { EngineRig, NAME_VARIABLE } from './engine-rig.ts'
import type { EngineWorker } from './engine-worker.ts'
import { eventually } from './eventually.ts'
import { seededRandom } from './ledger-orders.ts'
import { millraceCommand } from './millrace-command.ts'
import type { CommandEnd, CommandRequest } from './millrace-command.ts'
import { OrderFeed } from './order-feed.ts'
import { versionDifferences } from './version-results.ts'

export const MODULE = 'test/integration/engine/topologies/versions.ts'
const PARTITIONS = 2
/** 200 orders a second: the machine also runs what is tested. */
const BATCH = 10
const WITHIN_MS = 90_000
const LOOK_MS = 200
const TRIES_MAX = 6

export interface ReplayRigRequest {
  readonly brokers: readonly string[]
  readonly stages: 1 | 2
  readonly seed: number
  /** Orders of each 50 ms. */
  readonly batch?: number
}

export interface WorkerOrder {
  /** As FAIL_POINT takes it. */
  readonly failPoint?: string | undefined
}

export interface CommandOrder {
  readonly words?: readonly string[]
  readonly failPoint?: string | undefined
  readonly when?: CommandRequest['when']
}

export class ReplayRig {
  readonly rig: EngineRig
  readonly feed: OrderFeed
  readonly stages: 1 | 2
  readonly seed: number
  readonly #workers = new Map<number, EngineWorker>()

  private constructor(rig: EngineRig, { stages, seed, batch = BATCH }: ReplayRigRequest) {
    this.rig = rig
    this.stages = stages
    this.seed = seed
    this.feed = new OrderFeed(rig, seededRandom(seed), PARTITIONS, batch)
  }

  static async open(request: ReplayRigRequest): Promise<ReplayRig> {
    const topics = { orders: PARTITIONS, balances: PARTITIONS, finals: PARTITIONS, totals: PARTITIONS }
    return new ReplayRig(await EngineRig.open({ brokers: request.brokers, module: MODULE, topics }), request)
  }

  async close(): Promise<void> {
    await this.feed.stop()
    await this.rig.close()
  }

  get tasks(): number {
    return this.stages * PARTITIONS
  }

  /** The one worker of a version; there is none, or it has ended. Each version has a disk of its own. */
  start(version: number, { failPoint }: WorkerOrder = {}): EngineWorker {
    const worker = this.rig.start({
      seat: `v${version}`,
      environment: { ...this.#environment(version), ...(failPoint === undefined ? {} : { FAIL_POINT: failPoint }) },
      words: ['--commit-interval-ms=50', '--transaction-timeout-ms=10000'],
    })
    this.#workers.set(version, worker)
    return worker
  }

  worker(version: number): EngineWorker {
    const found = this.#workers.get(version)
    if (found === undefined) throw new Error(`v${version} has no worker`)
    return found
  }

  /** Stops the worker of a version in peace, and starts it again. */
  async restart(version: number, order: WorkerOrder = {}): Promise<EngineWorker> {
    await this.worker(version).stop()
    return this.start(version, order)
  }

  async running(version: number): Promise<void> {
    await this.rig.running(this.worker(version), this.tasks, WITHIN_MS)
  }

  /** `millrace replay <action>`; the module is that of the version. */
  async command(action: string, version: number, { words = [], failPoint, when }: CommandOrder = {}): Promise<CommandEnd> {
    return await millraceCommand({
      words: ['replay', action, MODULE, `--brokers=${this.rig.brokers.join(',')}`, ...words],
      environment: { ...this.#environment(version), ...(failPoint === undefined ? {} : { FAIL_POINT: failPoint }) },
      when,
    })
  }

  #environment(version: number): Record<string, string> {
    return { [NAME_VARIABLE]: this.rig.name, ENGINE_TEST_VERSION: String(version), ENGINE_TEST_STAGES: String(this.stages) }
  }

  get #context(): SharedContext {
    const { log, name } = this.rig
    return { log, clock: systemClock, application: name, stallMs: WITHIN_MS, signal: new AbortController().signal }
  }
  async shared(): Promise<SharedState> {
    return await readShared(this.#context)
  }
  /** What `replay abandon` does when a switch is open, at this moment: a process would be late. Undefined: none is. */
  async abandonNow(): Promise<EndedSwitch | undefined> {
    return await abandonOpen(this.#context, 'by another command')
  }
  async live(): Promise<number> {
    return (await this.shared()).live ?? 0
  }
  async role(version: number): Promise<Role> {
    return roleOf(await this.shared(), version)
  }

  /** Lets the version run in shadow, and waits until it does, near the live one. */
  async shadow(version: number): Promise<void> {
    const { code, err } = await this.command('start', version, { words: ['--wait=90s', '--max-lag=2000'] })
    if (code !== 0) throw new Error(`replay start of v${version} has ended with ${code}:\n${err}\n${this.rig.lastWords()}`)
    await this.running(version)
  }

  /** Gives the command until the version is live; answers how often it had to be given. */
  async untilLive(action: 'promote' | 'rollback', version: number, words: readonly string[] = []): Promise<number> {
    const said: string[] = []
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const { code, err } = await this.command(action, version, { words: ['--max-lag=2000', '--max-pause=15s', ...words] })
      if ((await this.live()) === version) return tries
      said.push(`${code}: ${err}`)
    }
    throw new Error(`v${version} is not live after ${TRIES_MAX} times ${action}:\n${said.join('\n')}\n${this.rig.lastWords()}`)
  }

  /** No switch is open any more, whoever ends it. */
  async switchEnds(withinMs = WITHIN_MS): Promise<SharedState> {
    return await eventually(
      async () => {
        const state = await this.shared()
        if (state.open !== undefined) throw new Error(`the switch ${state.open.s} is still open\n${this.rig.lastWords()}`)
        return state
      },
      withinMs,
      LOOK_MS,
    )
  }

  /** Orders stop; everything that was sent is processed by the live version; a read_committed reader sees each result once. */
  async expectExact(what: string): Promise<number> {
    await this.feed.stop()
    const live = await this.live()
    const { rig } = this
    const repartition = this.stages === 1 ? [] : [[`${rig.name}.v${live}.by-region.repartition`, PARTITIONS] as const]
    await rig.drained([[rig.topic('orders'), PARTITIONS], ...repartition], WITHIN_MS, `${rig.name}.v${live}`)
    // Windows close behind a marker, which may be held back a moment.
    return await eventually(
      async () => {
        const [balances, finals, totals] = await Promise.all(['balances', 'finals', 'totals'].map((topic) => rig.read(rig.topic(topic))))
        const found = { balances: balances ?? [], finals: finals ?? [], totals: totals ?? [] }
        const rules = { stages: this.stages, windowMs: WINDOW_MS, latenessMaxMs: LATENESS_MAX_MS }
        const { differences, compared } = versionDifferences(found, this.feed.sent, rules)
        if (differences.length > 0) throw new Error(`${what}, seed ${this.seed}, v${live} is live:\n${differences.join('\n')}`)
        if (compared < this.feed.sent.length) throw new Error(`${what}: only ${compared} results were compared`)
        return compared
      },
      10_000,
      LOOK_MS,
    )
  }
}
