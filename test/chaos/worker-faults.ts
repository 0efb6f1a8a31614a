/** Doing the faults of the worker lanes, damage to a disk included. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failPoints } from '../../libs/faults/fail-points.ts'
import type { FailPoint } from '../../libs/faults/fail-points.ts'
import { hold } from '../support/fault-proxy/faults.ts'
import type { ApiName } from '../support/fault-proxy/kafka-request.ts'
import { seededRandom } from '../support/ledger-orders.ts'
import type { Done } from './broker-faults.ts'
import type { ChaosWorker } from './fleet.ts'
import type { PlannedFault, WorkerFault } from './schedule.ts'

const HIT_WITHIN_MS = 5_000
const FLIPPED_BYTES_MAX = 64
/** A start, a rebalance with a member that is gone, and some commits. */
const DEAD_WITHIN_MS = 25_000
const POINT_COUNT_MAX = 40

/** Those that are passed all the time. The commit stands for itself: most kills are to be in it. */
const pointsOfCommits = (Object.keys(failPoints) as FailPoint[]).filter(
  (point) => !point.includes(':') && !['wiping', 'restoring', 'aborting', 'after-initialise', 'revoked'].includes(point),
)

/** Where in a commit a worker is killed: the request has left and has not come, or it was done and nobody heard it. */
const moments: readonly { readonly api: ApiName; readonly on: 'request' | 'response' }[] = (
  ['InitProducerId', 'AddPartitionsToTxn', 'Produce', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn', 'EndTxn'] as const
).flatMap((api) => [
  { api, on: 'request' },
  { api, on: 'response' },
])

export async function doWorkerFault(kind: WorkerFault, planned: PlannedFault, worker: ChaosWorker, directory: string): Promise<Done> {
  const name = `worker ${worker.index}`
  const up = async (): Promise<void> => worker.up()
  switch (kind) {
    case 'kill':
      await worker.down('SIGKILL')
      return { what: `${name} killed`, heal: up }
    case 'terminate': {
      const code = await worker.down('SIGTERM')
      return { what: `${name} told to end, code ${code}`, heal: up }
    }
    case 'freeze':
      worker.freeze()
      return { what: `${name} frozen`, heal: async () => worker.thaw() }
    case 'kill-other-disk':
      await worker.down('SIGKILL')
      worker.changeDisk()
      return { what: `${name} killed, goes on at ${worker.seat}`, heal: up }
    case 'kill-damage': {
      await worker.down('SIGKILL')
      return { what: `${name} killed, ${damage(join(directory, worker.seat), planned.chance)}`, heal: up }
    }
    case 'kill-in-commit': {
      const moment = moments[Math.floor(planned.chance * moments.length)] ?? { api: 'EndTxn', on: 'request' }
      const rule = worker.proxy.once({ ...moment, nth: 1 + (Math.floor(planned.chance * 1_000) % 7) }, hold())
      const isHit = await rule.untilHit(1, HIT_WITHIN_MS).then(
        () => true,
        () => false,
      )
      await worker.down('SIGKILL')
      rule.end()
      return { what: `${name} killed ${isHit ? `at the ${moment.on} of ${moment.api}` : `(no ${moment.api} came)`}`, heal: up }
    }
    case 'kill-at-point': {
      await worker.down('SIGKILL')
      const failPoint = failPointOf(planned.chance)
      const isDead = await worker.upToDie(failPoint, DEAD_WITHIN_MS)
      await worker.down('SIGKILL')
      return { what: `${name} killed ${isDead ? `at ${failPoint}` : `(it did not come to ${failPoint})`}`, heal: up }
    }
  }
}

/** The chance says both: which point, and by what is left of it, at which time it is passed. */
function failPointOf(chance: number): string {
  const place = chance * pointsOfCommits.length
  const point = pointsOfCommits[Math.floor(place)] ?? 'after-end-of-transaction'
  return `${point}:${1 + Math.floor((place % 1) * POINT_COUNT_MAX)}`
}

/** Spoils one file below the folder: bytes flipped, end cut off, or the file gone. Answers what it did. */
export function damage(folder: string, chance: number): string {
  const random = seededRandom(Math.floor(chance * 2 ** 31))
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => statSync(join(folder, file)).size > 0)
    : []
  const regular = files.filter((file) => statSync(join(folder, file)).isFile()).toSorted()
  const file = regular[Math.floor(random() * regular.length)]
  if (file === undefined) return 'nothing on its disk to damage'
  const path = join(folder, file)
  const size = statSync(path).size
  const way = random()
  if (way < 0.2) {
    rmSync(path)
    return `${file} deleted`
  }
  if (way < 0.4) {
    truncateSync(path, Math.floor(random() * size))
    return `${file} cut off`
  }
  const bytes = readFileSync(path)
  const at = Math.floor(random() * size)
  const count = Math.min(size - at, 1 + Math.floor(random() * FLIPPED_BYTES_MAX))
  for (let index = at; index < at + count; index++) bytes[index] = (bytes[index] ?? 0) ^ 0xff
  writeFileSync(path, bytes)
  return `${count} bytes of ${file} flipped at ${at} of ${size}`
}
