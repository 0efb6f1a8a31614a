/**
 * Two workers under load that are killed with -9 at fail-points which a seed chooses, again and again, and then are left in peace until
 * everything is processed. What was processed is for the verdict to say.
 */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { failPoints } from '../../../libs/faults/fail-points.ts'
import type { FailPoint } from '../../../libs/faults/fail-points.ts'
import type { EngineRig } from '../engine-rig.ts'
import type { EngineWorker } from '../engine-worker.ts'
import { eventually } from '../eventually.ts'
import { seededRandom } from '../ledger-orders.ts'
import { ProofFeed } from './feed.ts'
import { dumpStores } from './stores.ts'
import type { StoreDump } from './stores.ts'
import type { ProvedWorker } from './verdict.ts'

const WORKERS = 2
/** A point that is not reached by then (no rebalance, nothing to abort) is replaced by a kill at whatever moment that is. */
const REACHED_WITHIN_MS = 10_000
const RUNNING_WITHIN_MS = 90_000
const DRAINED_WITHIN_MS = 120_000
/** Of points that a start passes for each task, and of those that every commit passes: some kills are to come when much is done. */
const COUNT_MAX = 4
const COUNT_MAX_OF_COMMITS = 24
const ofStarts: readonly FailPoint[] = ['aborting', 'after-initialise', 'restoring', 'wiping', 'revoked']
/** The last orders are an hour after all others; out-of-orderness is seconds. */
const WATERMARK_BEHIND_MS = 60_000

/** Those that a run without resets comes by. */
const reachable = (Object.keys(failPoints) as FailPoint[]).filter((point) => !point.includes(':') && point !== 'wiping')

export interface KillsRequest {
  readonly rig: EngineRig
  readonly partitions: number
  readonly seed: number
  /** Orders a second. */
  readonly rate: number
  /** Of each worker. */
  readonly kills: number
  readonly say: (text: string) => void
  /** Only these, each with the time at which it kills, `point:count`. Default: all that can be reached, at times that the seed chooses. */
  readonly points?: readonly `${FailPoint}:${number}`[]
  /** Default 10,000. */
  readonly reachedWithinMs?: number
  /** At each of these a worker falls asleep, and wakes when another one has taken its tasks over and has committed. Default: none. */
  readonly sleeps?: readonly `${FailPoint}:${number}`[]
  readonly program?: string
}

export interface KillsDone {
  readonly workers: readonly ProvedWorker[]
  /** Where workers died → how often. */
  readonly kills: ReadonlyMap<string, number>
  /** What lay on the disks after each kill. */
  readonly copies: readonly StoreDump[]
  readonly written: number
}

export async function runUnderKills(request: KillsRequest): Promise<KillsDone> {
  const { rig, partitions, seed, rate, say } = request
  const tasks = 2 * partitions
  const feed = new ProofFeed(rig.log, rig.topic('orders'), { partitions, perSecond: rate, seed })
  const kills = new Map<string, number>()
  const copies: StoreDump[] = []
  feed.start()
  try {
    const lanes = Array.from({ length: WORKERS }, (_, index) => killAgainAndAgain(request, index, kills, copies))
    const workers = await Promise.all(lanes)
    say('no more kills')
    for (const point of request.sleeps ?? []) {
      await allRun(workers, tasks)
      const [sleeper] = workers
      if (sleeper === undefined) break
      await sleeper.stop()
      workers[0] = await sleepAt(request, point)
      say(`worker 0 slept at ${point}`)
    }
    await allRun(workers, tasks)
    await feed.stop()
    await allProcessed(request, workers, feed.lastAt ?? Infinity)
    say(`everything is processed: ${feed.written} input records`)
    const proved = workers.map((worker, index) => ({ seat: seatOf(index), down: async () => (await worker.stop()).code }))
    return { workers: proved, kills, copies, written: feed.written }
  } finally {
    await feed.pause()
  }
}

/**
 * Positions at the ends of the inputs are not all: the last watermark follows in a marker of its own, a moment later, and closes windows
 * in the stage behind. With it everywhere and the positions at the ends once more, nothing is left to do.
 */
async function allProcessed({ rig, partitions }: KillsRequest, workers: readonly EngineWorker[], lastAt: number): Promise<void> {
  const inputs = [rig.topic('orders'), rig.internal('by-region.repartition')].map((topic) => [topic, partitions] as const)
  await rig.drained(inputs, DRAINED_WITHIN_MS)
  await eventually(
    async () => {
      const found = (await Promise.all(workers.map((worker) => worker.status()))).flatMap(({ tasks }) => tasks)
      const behind = found.filter(({ watermark }) => (watermark ?? 0) < lastAt - WATERMARK_BEHIND_MS)
      if (behind.length > 0) throw new Error(`the last watermark has not reached ${behind.map(({ name }) => name).join(', ')}`)
    },
    DRAINED_WITHIN_MS,
    100,
  )
  await rig.drained(inputs, DRAINED_WITHIN_MS)
}

const seatOf = (index: number): string => `worker-${index}`

/** Answers the worker that lives on. */
async function killAgainAndAgain(
  request: KillsRequest,
  index: number,
  kills: Map<string, number>,
  copies: StoreDump[],
): Promise<EngineWorker> {
  const { rig, say, program, reachedWithinMs = REACHED_WITHIN_MS } = request
  const random = seededRandom(request.seed * WORKERS + index)
  for (let left = request.kills; left > 0; left--) {
    const armed = choose(request.points, random)
    const worker = rig.start({ seat: seatOf(index), program, environment: { FAIL_POINT: armed } })
    const isReached = await reached(worker, reachedWithinMs)
    await worker.kill()
    copies.push(...(await copyOf(rig, seatOf(index))))
    const place = isReached ? armed.replace(/:\d+$/u, '') : 'at a random moment'
    kills.set(place, (kills.get(place) ?? 0) + 1)
    say(`worker ${index} killed ${isReached ? `at ${armed}` : `at a random moment (${armed} was not reached)`}`)
  }
  return rig.start({ seat: seatOf(index), program })
}

/**
 * A worker that is cut off from time at a point (SIGSTOP) while the group goes on without it, and then does what it was about to do: the
 * zombie, which only fencing stops. Answers the worker, awake.
 */
async function sleepAt({ rig, program, partitions }: KillsRequest, point: string): Promise<EngineWorker> {
  const worker = rig.start({ seat: seatOf(0), program, environment: { FAIL_POINT: `${point}:stop` } })
  const inputs = Array.from({ length: partitions }, (_, partition) => ({ topic: rig.topic('orders'), partition }))
  const positions = async (): Promise<number[]> =>
    [...(await rig.log.admin.committed(rig.group, inputs)).values()].map(({ position }) => position)
  await eventually(() => {
    if (!isAsleep(worker.pid)) throw new Error(`the worker does not fall asleep at ${point}:\n${worker.lastLines(10)}`)
  }, RUNNING_WITHIN_MS)
  // Those of its own tasks stand still until another one has them.
  const before = await positions()
  await eventually(
    async () => {
      const now = await positions()
      if (!now.every((position, index) => position > (before[index] ?? 0))) throw new Error('nobody has taken its tasks over')
    },
    RUNNING_WITHIN_MS,
    20, // Its transaction ends by itself before long.
  )
  worker.signal('SIGCONT')
  return worker
}

/** State T of /proc; where there is none, as on macOS, `ps` would know. */
const isAsleep = (pid: number): boolean => /^State:\s+T/mu.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

/** A copy is opened: opening a store finishes what a kill has left undone, which is for the next start to do. */
async function copyOf(rig: EngineRig, seat: string): Promise<StoreDump[]> {
  const [from, copy] = [join(rig.directory, seat), join(rig.directory, `copy-of-${seat}`)]
  if (!existsSync(from)) return []
  cpSync(from, copy, { recursive: true })
  try {
    return await dumpStores(copy, () => undefined) // One that cannot be opened is wiped by the next start.
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function choose(points: KillsRequest['points'], random: () => number): string {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  if (points !== undefined) return String(pick(points))
  const point = pick(reachable) ?? 'after-send'
  const most = ofStarts.includes(point) ? COUNT_MAX : COUNT_MAX_OF_COMMITS
  return `${point}:${1 + Math.floor(random() * most)}`
}

async function reached(worker: EngineWorker, withinMs: number): Promise<boolean> {
  await worker.untilSaid('admin server listens').catch(() => undefined) // It may have died before.
  const waited = new Promise<undefined>((resolve) => setTimeout(resolve, withinMs, undefined).unref())
  const end = await Promise.race([worker.ended, waited])
  if (end !== undefined && end.signal !== 'SIGKILL') throw new Error(`a worker has ended by itself:\n${worker.lastLines(20)}`)
  return end !== undefined
}

async function allRun(workers: readonly EngineWorker[], tasks: number): Promise<void> {
  await eventually(
    async () => {
      const found = (await Promise.all(workers.map((worker) => worker.status()))).flatMap((status) => status.tasks)
      if (found.length === tasks && found.every(({ state }) => state === 'running')) return
      throw new Error(
        `not all ${tasks} tasks run: ${found.map(({ name, state, fault }) => `${name} ${state} ${fault?.message ?? ''}`).join(', ')}`,
      )
    },
    RUNNING_WITHIN_MS,
    200,
  )
}
