/**
 * An application under load whose workers die by kill -9 at one fail-point after the other: each is started with the next in its
 * FAIL_POINT, dies there, and is started again with the one after it. What was processed in the end is for the verdict to say; this
 * tells how long the application stood still, and what the starts had to restore.
 */
import { existsSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { FailPoint } from '../../../libs/faults/fail-points.ts'
import type { EngineRig } from '../engine-rig.ts'
import type { EngineWorker } from '../engine-worker.ts'
import { ProofFeed } from './feed.ts'
import type { PlannedKill } from './kill-plan.ts'
import { Progress } from './progress.ts'

/** Then the point is not on the way of this life (nothing to restore, say): killed at that moment, and counted apart. */
const REACHED_WITHIN_MS = 90_000
const RUNNING_WITHIN_MS = 90_000
const DRAINED_WITHIN_MS = 180_000
/** Less is a commit or two, or a changelog that has nothing else. */
const FEW_BYTES = 16_384

export interface KillsRequest {
  readonly rig: EngineRig
  readonly workers: number
  readonly tasks: number
  /** Input and repartition topics, in the order of the data. */
  readonly inputs: readonly (readonly [topic: string, partitions: number])[]
  readonly units: readonly (readonly PlannedKill[])[]
  readonly seed: number
  /** Orders a second. */
  readonly rate: number
  /** At the end, while all workers run. */
  readonly meanwhile?: () => Promise<void>
  readonly say: (text: string) => void
}

export interface PointFacts {
  killed: number
  /** Killed elsewhere: the point was not reached. */
  missed: number
  /** From the start after the kill until every input partition has gone on, at most. */
  longestMs: number
}

export interface KillsDone {
  readonly points: ReadonlyMap<FailPoint, PointFacts>
  readonly workers: readonly { readonly seat: string; down(signal: 'SIGTERM'): Promise<number | null> }[]
  /** What each life on a disk that nobody has touched must not do: wipe a store, or restore one from the beginning. */
  readonly surprises: readonly string[]
  readonly restoredBytes: number
}

export class Kills {
  readonly #request: KillsRequest
  readonly #points = new Map<FailPoint, PointFacts>()
  readonly #progress: Progress
  readonly #surprises: string[] = []
  #restoredBytes = 0
  #guests = 0

  constructor(request: KillsRequest) {
    this.#request = request
    this.#progress = new Progress(request.rig, request.inputs)
  }

  async run(): Promise<KillsDone> {
    const { rig, workers, tasks, inputs, units, seed, rate } = this.#request
    const [, partitions] = inputs[0] ?? ['', 1]
    const feed = new ProofFeed(rig.log, rig.topic('orders'), { partitions, perSecond: rate, seed })
    feed.start()
    this.#progress.begin()
    try {
      const left = [...units]
      const seats = Array.from({ length: workers }, (_, index) => `worker-${index}`)
      const last = await Promise.all(seats.map((seat) => this.#lane(seat, left)))
      await runningTogether(rig, last, tasks)
      await this.#request.meanwhile?.()
      await feed.stop()
      await rig.drained(inputs, DRAINED_WITHIN_MS)
      return {
        points: this.#points,
        workers: last.map((worker, index) => ({ seat: seats[index] ?? '', down: async () => (await worker.stop()).code })),
        surprises: this.#surprises,
        restoredBytes: this.#restoredBytes,
      }
    } finally {
      await feed.pause()
      await this.#progress.end()
    }
  }

  /** Takes units until none is left; answers the worker that lives on. */
  async #lane(seat: string, left: (readonly PlannedKill[])[]): Promise<EngineWorker> {
    const { rig } = this.#request
    // What lies on the disk is complete: only then a restore from the beginning is a surprise.
    const disk = { complete: false, damages: 0, wipes: 0 }
    for (let unit = left.shift(); unit !== undefined; unit = left.shift()) {
      for (const kill of unit) {
        this.#prepare(join(rig.directory, seat), kill, disk)
        const worker = rig.start({ seat, environment: { FAIL_POINT: `${kill.point}:${kill.count}` } })
        const begun = this.#progress.begun(seat)
        await this.#die(worker, kill)
        this.#look(seat, worker, disk, kill.point)
        if (begun.wentOn) disk.complete = true
        this.#progress.died(seat, this.#factsOf(kill.point))
      }
    }
    const worker = rig.start({ seat })
    const begun = this.#progress.begun(seat)
    await begun.untilWentOn(RUNNING_WITHIN_MS)
    this.#look(seat, worker, disk)
    return worker
  }

  #prepare(folder: string, kill: PlannedKill, disk: { complete: boolean; damages: number }): void {
    if (kill.disk === 'as it is') return
    disk.complete = false
    if (kill.disk === 'empty') rmSync(folder, { recursive: true, force: true })
    else disk.damages += spoilStores(folder)
  }

  async #die(worker: EngineWorker, kill: PlannedKill): Promise<void> {
    const { rig } = this.#request
    const facts = this.#factsOf(kill.point)
    const begun = performance.now()
    const waited = wait(REACHED_WITHIN_MS)
    let guest: EngineWorker | undefined
    if (kill.guest && (await Promise.race([worker.untilSaid('admin server listens'), worker.ended]))) {
      await Promise.race([this.#progress.untilAllMoved(), worker.ended, waited])
      guest = rig.start({ seat: `guest-${this.#guests++}` })
    }
    const end = await Promise.race([worker.ended, waited])
    if (end !== undefined && end.signal !== 'SIGKILL')
      throw new Error(`a worker has ended by itself, code ${end.code}, before ${kill.point}:\n${worker.lastLines(20)}`)
    if (end === undefined) facts.missed += 1
    else facts.killed += 1
    const afterMs = Math.round(performance.now() - begun)
    this.#request.say(`${kill.point}:${kill.count}${end === undefined ? ` not reached\n${worker.lastLines(30)}` : ''} after ${afterMs} ms`)
    await worker.kill()
    await guest?.stop()
  }

  #look(
    seat: string,
    worker: EngineWorker,
    disk: { readonly complete: boolean; readonly damages: number; wipes: number },
    killedAt?: FailPoint,
  ): void {
    const said = worker.said('is wiped and rebuilt').length
    // It is said before it is done, and who dies at the first one has not done the others.
    disk.wipes += killedAt === 'wiping' ? Math.min(1, said) : said
    if (disk.wipes > disk.damages) this.#surprises.push(`${seat}: ${disk.wipes} stores wiped, ${disk.damages} were damaged`)
    for (const { msg, from, bytesRead } of worker.said(': restored ')) {
      if (disk.complete && this.#request.workers === 1) {
        this.#restoredBytes += Number(bytesRead)
        if (from === 0 && Number(bytesRead) > FEW_BYTES) this.#surprises.push(`${seat}: ${msg}`)
      }
    }
  }

  #factsOf(point: FailPoint): PointFacts {
    const found = this.#points.get(point) ?? { killed: 0, missed: 0, longestMs: 0 }
    this.#points.set(point, found)
    return found
  }
}

const wait = (milliseconds: number): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, milliseconds, undefined).unref())

async function runningTogether(rig: EngineRig, workers: readonly EngineWorker[], tasks: number): Promise<void> {
  const end = Date.now() + RUNNING_WITHIN_MS
  for (;;) {
    const found = (await Promise.all(workers.map((worker) => worker.status()))).flatMap((status) => status.tasks)
    if (found.length === tasks && found.every(({ state }) => state === 'running')) return
    if (Date.now() > end)
      throw new Error(`not all tasks run: ${found.map(({ name, state }) => `${name} ${state}`).join(', ')}\n${rig.lastWords()}`)
    await wait(200)
  }
}

/**
 * A store whose CURRENT file is empty cannot be opened. (Without that file a young one can: its first log has everything.) All of them: which
 * task comes back to a worker is for the group to say. Answers how many there were.
 */
function spoilStores(folder: string): number {
  if (!existsSync(folder)) return 0
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /(?:^|\/)CURRENT$/u.test(name) && !name.includes('.wiped-'),
  )
  for (const file of files) truncateSync(join(folder, file))
  return files.length
}
