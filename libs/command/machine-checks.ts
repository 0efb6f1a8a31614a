/** Checks of this machine: Node, RocksDB, state directory, disk, descriptors, checksums, memory. */
import { constants, existsSync, readFileSync } from 'node:fs'
import { access, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import type { Settings } from '../runtime/settings/settings.ts'
import { attempt, failed, ok, skipped, warning, type Check } from './checks.ts'
import { makeDirectory } from './make-directory.ts'
import { bytes } from './text-table.ts'

const GIB = 2 ** 30
const FREE_BYTES_MIN = GIB
/** RocksDB keeps its files open: a few hundred for each busy task. */
const DESCRIPTORS_MIN = 4_096
/** File systems in memory: the state would be gone with the machine. */
const TMPFS = 0x01021994

export async function machineChecks(settings: Settings, directory: string): Promise<readonly Check[]> {
  const checks = [
    nodeCheck(process.versions.node),
    ...(await attempt('RocksDB', 'Run npm ci; the package @nxtedition/rocksdb must fit platform and Node.', rocksdbCheck)),
    ...(await attempt('state directory', 'Set stateDirectory to a directory that this user can write.', () => directoryCheck(directory))),
    ...(await attempt('disk', 'Set stateDirectory to a disk with room.', () => diskCheck(directory))),
    descriptorCheck(),
    checksumCheck((await import('../kafka/codec/crc32c.ts')).isChecksumNative),
    memoryCheck(settings),
  ]
  return checks
}

export function nodeCheck(version: string): Check {
  return Number(version.split('.')[0]) >= 24 ? ok('Node', version) : failed('Node', version, 'Install Node.js 24 or newer.')
}

async function rocksdbCheck(): Promise<readonly Check[]> {
  await import('../state/rocksdb-store.ts')
  return [ok('RocksDB', `@nxtedition/rocksdb loads on ${process.platform}-${process.arch}`)]
}

async function directoryCheck(directory: string): Promise<readonly Check[]> {
  const name = 'state directory'
  // The first directory that had to be made, to leave no trace.
  const made = makeDirectory(directory)
  await access(directory, constants.W_OK | constants.X_OK)
  const probe = join(directory, `.doctor-${process.pid}`)
  await writeFile(probe, 'x')
  await rm(probe)
  const mode = (await stat(directory)).mode & 0o777
  if (made !== undefined) await rm(made, { recursive: true })
  if ((mode & 0o077) !== 0)
    return [warning(name, `${directory} can be written, but others may look into it (${mode.toString(8)})`, `chmod 700 ${directory}`)]
  return [ok(name, `${directory} can be written`)]
}

async function diskCheck(directory: string): Promise<readonly Check[]> {
  let existing = directory
  while (!existsSync(existing)) existing = dirname(existing)
  const { bavail, bsize, type } = await statfs(existing)
  const free = bavail * bsize
  if (type === TMPFS)
    return [warning('disk', `${directory} is in memory (tmpfs)`, 'Use a lasting disk: else each restart restores all state from Kafka.')]
  if (free < FREE_BYTES_MIN) return [failed('disk', `${bytes(free)} free`, 'Make room, or set stateDirectory to another disk.')]
  return [ok('disk', `${bytes(free)} free`)]
}

function descriptorCheck(): Check {
  const name = 'file descriptors'
  if (!existsSync('/proc/self/limits')) return skipped(name, 'not known on this platform')
  const line = readFileSync('/proc/self/limits', 'utf8')
    .split('\n')
    .find((one) => one.startsWith('Max open files'))
  const limit = Number(/^Max open files\s+(\d+)/.exec(line ?? '')?.[1] ?? Infinity)
  return limit < DESCRIPTORS_MIN
    ? warning(
        name,
        `at most ${limit}`,
        `Raise the limit to ${DESCRIPTORS_MIN} or more (ulimit -n, LimitNOFILE): RocksDB keeps its files open.`,
      )
    : ok(name, Number.isFinite(limit) ? `at most ${limit}` : 'no limit')
}

export function checksumCheck(isNative: boolean): Check {
  const name = 'checksums'
  if (isNative) return ok(name, 'by the processor, with @node-rs/crc32')
  return warning(
    name,
    `by tables: @node-rs/crc32 does not load on ${process.platform}-${process.arch}`,
    'Run npm ci without --omit=optional, which installs its binary. Without it all works, a few percent slower.',
  )
}

function memoryCheck(settings: Settings): Check {
  const constrained = process.constrainedMemory()
  // A cgroup without a limit answers with a number beyond all memory.
  const available = constrained > 0 && constrained < totalmem() ? constrained : totalmem()
  const found = `${bytes(available)} for this process, memoryBytes is ${bytes(settings.memoryBytes)}`
  return settings.memoryBytes > available
    ? warning('memory', found, 'Lower memoryBytes below it, or give the process more memory.')
    : ok('memory', found)
}
