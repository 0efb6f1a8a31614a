/**
 * Seats: directories for the local stores, one for each worker of an application on this machine, so that a second worker can
 * be started beside the first without a word about directories, and a frozen one does not hold up who takes its tasks over.
 *
 *   <stateDirectory>/<application>.v<version>/worker-<n>/       the stores
 *   <stateDirectory>/<application>.v<version>/worker-<n>.pid    who sits there: host, boot, pid
 *
 * The lowest free seat is taken, so a worker that starts again finds its store of before. This is about convenience: that no two
 * processes write one store is promised by RocksDB's own lock.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../faults/fault.ts'
import { makeDirectory } from './make-directory.ts'

export interface Seat {
  readonly directory: string
  /** Lets others sit here. */
  free(): void
}

interface Sitter {
  readonly host: string
  readonly boot: string
  readonly pid: number
  /** Seats of one process are told apart by it. */
  readonly token: string
}

const SEATS_MAX = 256

export function takeSeat(base: string): Seat {
  prepare(base)
  for (let number = 0; number < SEATS_MAX; number++) {
    const file = join(base, `worker-${number}.pid`)
    const sitter: Sitter = {
      host: hostname(),
      boot: bootId(),
      pid: process.pid,
      token: `${performance.timeOrigin}-${process.hrtime.bigint()}`,
    }
    if (!claimed(file, sitter)) continue
    return { directory: join(base, `worker-${number}`), free: () => rmSync(file, { force: true }) }
  }
  throw new Fault('MR2051', 'stop', `all ${SEATS_MAX} seats in ${base} are taken; set another stateDirectory`, {
    place: { at: 'stateDirectory' },
  })
}

function prepare(base: string): void {
  try {
    makeDirectory(base)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Fault(
      'MR2051',
      'stop',
      `the state directory cannot be used: ${reason}. Set stateDirectory to one that this user can write.`,
      {
        place: { at: 'stateDirectory' },
        cause: error,
      },
    )
  }
}

function claimed(file: string, sitter: Sitter): boolean {
  if (written(file, sitter)) return true
  const other = readSitter(file)
  if (other !== undefined && isAlive(other, sitter)) return false
  rmSync(file, { force: true })
  return written(file, sitter)
}

/** False when somebody sits there already. */
function written(file: string, sitter: Sitter): boolean {
  try {
    writeFileSync(file, JSON.stringify(sitter), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (existsSync(file)) return false
    throw new Fault('MR2051', 'stop', `the state directory cannot be used: ${error instanceof Error ? error.message : String(error)}`, {
      place: { at: 'stateDirectory' },
      cause: error,
    })
  }
}

function readSitter(file: string): Sitter | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isSitter(found) ? found : undefined
  } catch {
    return undefined // Half written, or just given back: nobody that we know sits there.
  }
}

const isSitter = (found: unknown): found is Sitter =>
  typeof found === 'object' && found !== null && ['host', 'boot', 'pid', 'token'].every((field) => field in found)

/** A seat of another host or boot is a volume that has moved here: nobody sits there any more. */
function isAlive(other: Sitter, self: Sitter): boolean {
  if (other.host !== self.host || other.boot !== self.boot || !Number.isSafeInteger(other.pid) || other.pid <= 0) return false
  if (other.pid === self.pid) return other.token.startsWith(`${performance.timeOrigin}-`)
  try {
    process.kill(other.pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function bootId(): string {
  const file = '/proc/sys/kernel/random/boot_id'
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
}
