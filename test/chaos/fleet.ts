/**
 * The four workers of a run: each with a fault proxy and disks of its own, and a keeper that starts a worker again when it has ended
 * by itself, as an orchestrator does. Faults take a worker `down` and bring it `up`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { EngineRig } from '../support/engine-rig.ts'
import type { EngineWorker } from '../support/engine-worker.ts'
import { FaultProxy } from '../support/fault-proxy/fault-proxy.ts'
import type { WorkerStatus } from '../../libs/runtime/worker/status.ts'

const STATUS_WITHIN_MS = 3_000
const RESTART_PAUSE_MS = 1_000
const SHUTDOWN_MS = 10_000
const DISKS = 3

export interface Life {
  readonly worker: EngineWorker
  readonly name: string
  readonly index: number
  /** Wall clock. */
  readonly startedAt: number
  url: string | undefined
}

export class ChaosWorker {
  readonly index: number
  readonly proxy: FaultProxy
  readonly lives: Life[] = []
  /** It ended though nobody asked for it: exit codes. */
  readonly endedByItself: (number | null)[] = []
  isFrozen = false
  #disk = 0
  #wanted = false
  readonly #rig: EngineRig
  readonly #say: (text: string) => void

  private constructor(rig: EngineRig, index: number, proxy: FaultProxy, say: (text: string) => void) {
    this.#rig = rig
    this.index = index
    this.proxy = proxy
    this.#say = say
  }

  static async open(rig: EngineRig, index: number, say: (text: string) => void): Promise<ChaosWorker> {
    return new ChaosWorker(rig, index, await FaultProxy.open(rig.brokers), say)
  }

  get life(): Life | undefined {
    const last = this.lives.at(-1)
    return last?.worker.running === true ? last : undefined
  }

  get seat(): string {
    return `worker-${this.index}-disk-${this.#disk}`
  }

  /** Three disks go round, so that an old one comes back with old state. */
  changeDisk(): void {
    this.#disk = (this.#disk + 1) % DISKS
  }

  /** Seats on the disks that it does not use now. */
  get otherSeats(): readonly string[] {
    return Array.from({ length: DISKS }, (_, disk) => `worker-${this.index}-disk-${disk}`).filter((seat) => seat !== this.seat)
  }

  up(): void {
    this.#wanted = true
    if (this.life === undefined) this.#start({})
  }

  /** Starts it with this in FAIL_POINT and nobody to start it again; resolves when it has died there, false: not within the time. */
  async upToDie(failPoint: string, withinMs: number): Promise<boolean> {
    this.#start({ FAIL_POINT: failPoint })
    const life = this.life
    const waited = new Promise<undefined>((resolve) => setTimeout(resolve, withinMs, undefined).unref())
    const end = await Promise.race([life?.worker.ended, waited])
    if (end !== undefined && end.signal !== 'SIGKILL') this.endedByItself.push(end.code)
    return end?.signal === 'SIGKILL'
  }

  #start(environment: Readonly<Record<string, string>>): void {
    const name = `worker-${this.index}-life-${this.lives.length}`
    const words = [`--brokers=${this.proxy.brokers.join(',')}`, `--shutdown-ms=${SHUTDOWN_MS}`]
    const life: Life = {
      worker: this.#rig.start({ seat: this.seat, words, environment }),
      name,
      index: this.index,
      startedAt: Date.now(),
      url: undefined,
    }
    this.lives.push(life)
    void this.#keep(life)
  }

  /** Ends it and leaves it down; answers its exit code. */
  async down(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    this.#wanted = false
    const life = this.life
    if (life === undefined) return null
    life.worker.signal(signal)
    // A frozen process takes only SIGKILL.
    if (this.isFrozen) this.thaw()
    return (await life.worker.ended).code
  }

  freeze(): void {
    this.isFrozen = true
    this.life?.worker.signal('SIGSTOP')
  }

  thaw(): void {
    this.isFrozen = false
    this.life?.worker.signal('SIGCONT')
  }

  async status(): Promise<WorkerStatus | undefined> {
    const life = this.life
    if (life === undefined || this.isFrozen) return undefined
    try {
      life.url ??= String(life.worker.said('admin server listens')[0]?.['url'] ?? '')
      if (life.url === '') {
        life.url = undefined
        return undefined
      }
      const answer = await fetch(`${life.url}/status`, { signal: AbortSignal.timeout(STATUS_WITHIN_MS) })
      return (await answer.json()) as WorkerStatus // Of the version in this repository.
    } catch {
      return undefined // It is down, frozen or busy: the next question may be answered.
    }
  }

  /** Resident memory, bytes, and open descriptors. */
  resources(): { readonly rssBytes: number; readonly descriptors: number } | undefined {
    const pid = this.life?.worker.pid
    if (pid === undefined) return undefined
    try {
      const rssKib = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      if (rssKib === undefined) return undefined
      return { rssBytes: Number(rssKib) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length }
    } catch {
      return undefined // It has just ended, or this is no Linux.
    }
  }

  async #keep(life: Life): Promise<void> {
    const end = await life.worker.ended
    if (!this.#wanted || this.lives.at(-1) !== life) return
    this.endedByItself.push(end.code)
    this.#say(`${life.name} has ended by itself, code ${end.code}, signal ${end.signal}: ${life.worker.lastLines(2)}`)
    await new Promise((resolve) => setTimeout(resolve, RESTART_PAUSE_MS))
    if (this.#wanted && this.lives.at(-1) === life) this.up()
  }
}
