/**
 * The local stores of a worker on disk: one RocksDB database for each task, in a directory of its own.
 *
 *   <directory>/<task>/             a database; only this process has it open (RocksDB's LOCK)
 *   <directory>/<task>.wiped-<n>/   being deleted; what a crash has left is deleted at the next start
 */
import { lstat, mkdir, mkdtemp, readFile, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { failPoint } from '../faults/fail-points.ts'
import { Fault, assert } from '../faults/fault.ts'
import { binding } from './rocksdb-binding.ts'
import type { Database, OpenOptions } from './rocksdb-binding.ts'
import { forgetDamage, noteDamage } from './rocksdb-continuity.ts'
import { RocksStore, closeDatabase } from './rocksdb-database.ts'
import { codeOf, directoryFailed, isPassing, openingFailed, unusableDirectory } from './rocksdb-failures.ts'
import type { StorePlace } from './rocksdb-failures.ts'
import { RocksThread } from './rocksdb-offload.ts'
import type { Store, StoreHome } from './store.ts'
import { NAME_FILE, directoryOf, isShortened, isWiped, taskOf } from './task-directory.ts'

export interface RocksHomeOptions {
  /** Created, with mode 0700, if it does not exist. */
  readonly directory: string
  /** For block caches and write buffers of all stores together, bytes. */
  readonly memoryBytes: number
  /** How many stores are open at a time, about: each gets that part of the memory, and at least 6 MiB. Default 4. */
  readonly storesExpected?: number
}

const STORES_EXPECTED = 4
const MIB = 2 ** 20
const STORE_BYTES_MIN = 6 * MIB
const OWNER_ONLY = 0o700

/** Faults MR4001 (`stop`) when the directory cannot be used. */
export async function rocksHome(options: RocksHomeOptions): Promise<StoreHome> {
  const directory = resolve(options.directory)
  await prepareDirectory(directory)
  await deleteWiped(directory)
  const home = new RocksHome(directory, openOptions(options.memoryBytes / (options.storesExpected ?? STORES_EXPECTED)))
  if ((await home.list()).length > 0) home.expectReads()
  return home
}

/** Opens one store that must exist, for a look from outside (inspect.ts). Faults MR4002, MR4003, MR4006, MR4008. */
export async function openExisting(directory: string, task: string): Promise<Store> {
  const place = { task, directory: resolve(directory) }
  const path = join(place.directory, directoryOf(task))
  const tasks = await listTasks(place.directory)
  if (!tasks.includes(task)) {
    throw new Fault(
      'MR4008',
      'stop',
      `there is no store of ${task} in ${place.directory}; ${tasks.length === 0 ? 'there are no stores at all' : `there are ${tasks.join(', ')}`}`,
      { place: { task } },
    )
  }
  const readThread = new RocksThread('read')
  const writeThread = new RocksThread('write')
  const database = await openDatabase(path, { ...openOptions(STORE_BYTES_MIN), createIfMissing: false }, place)
  return new RocksStore(database, {
    place,
    readThread,
    writeThread,
    onDamage: () => undefined,
    onClose: () => void Promise.all([readThread.close(), writeThread.close()]),
  })
}

/** Tasks that have a store in the directory; none when there is no such directory. */
export async function listTasks(directory: string): Promise<readonly string[]> {
  const tasks: string[] = []
  for (const name of await readNames(directory)) {
    const task = isShortened(name) && !isWiped(name) ? await writtenName(join(directory, name)) : taskOf(name)
    if (task !== undefined && (await isDirectory(join(directory, name)))) tasks.push(task)
  }
  return tasks.sort()
}

class RocksHome implements StoreHome {
  readonly #directory: string
  readonly #options: OpenOptions
  readonly #readThread = new RocksThread('read')
  readonly #writeThread = new RocksThread('write')
  readonly #open = new Map<string, RocksStore>()
  /** Found damaged while they were read: opening would look well, so it is refused until they were wiped. */
  readonly #damaged = new Set<string>()

  constructor(directory: string, options: OpenOptions) {
    this.#directory = directory
    this.#options = options
  }

  /** Whoever has stores will read them at once. */
  expectReads(): void {
    this.#readThread.start()
  }

  async open(task: string): Promise<Store> {
    const place = { task, directory: this.#directory }
    if (this.#open.has(task)) throw openingFailed(place, Object.assign(new Error('open in this process'), { code: 'LEVEL_LOCKED' }))
    if (this.#damaged.has(task)) throw openingFailed(place, new Error('a read has found damaged blocks'))
    const path = this.#pathOf(task)
    try {
      await makeDirectory(path)
      if (!(await lstat(path)).isDirectory()) throw Object.assign(new Error('it is a link, not a directory'), { code: 'ENOTDIR' })
      if (isShortened(directoryOf(task))) await writeFile(join(path, NAME_FILE), task)
    } catch (error) {
      throw codeOf(error) === undefined ? error : directoryFailed(place, path, error)
    }
    const database = await openDatabase(path, this.#options, place)
    const store = new RocksStore(database, {
      place,
      readThread: this.#readThread,
      writeThread: this.#writeThread,
      onDamage: () => this.#damaged.add(task),
      onClose: () => this.#open.delete(task),
    })
    this.#open.set(task, store)
    return store
  }

  async wipe(task: string): Promise<void> {
    assert(!this.#open.has(task), `the store of ${task} is closed before it is wiped`)
    const path = this.#pathOf(task)
    const away = await freeName(path)
    try {
      await rename(path, away)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw directoryFailed({ task, directory: this.#directory }, path, error)
    }
    this.#damaged.delete(task)
    failPoint('wiping')
    await rm(away, { recursive: true, force: true })
  }

  async list(): Promise<readonly string[]> {
    return await listTasks(this.#directory)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((store) => store.close()))
    await Promise.all([this.#readThread.close(), this.#writeThread.close()])
  }

  #pathOf(task: string): string {
    return join(this.#directory, directoryOf(task))
  }
}

async function openDatabase(path: string, options: OpenOptions, place: StorePlace): Promise<Database> {
  const database = binding.db_init(path)
  try {
    const damage = await noteDamage(path)
    await new Promise<void>((resolve, reject) => {
      binding.db_open(database, options, (error) => (error === null || error === undefined ? resolve() : reject(error)))
    })
    // Only now: whoever had it open would have been in the middle of writing, and the files are in order.
    if (damage !== undefined) {
      await closeDatabase(database)
      throw new Error(damage)
    }
  } catch (error) {
    if (codeOf(error) === 'LEVEL_LOCKED') await forgetDamage(path)
    throw openingFailed(place, error)
  }
  return database
}

/**
 * Up to two thirds of the memory are for write buffers; the rest for cached blocks, indexes and filters included. A write buffer is a quarter
 * of their budget: as a rule one to three are filled. RocksDB stops writers before there are more than six, which with the cache would be a
 * third more than the memory given. The larger they are, the fewer files and levels are merged, and the slower is an insertion. Measured, all
 * processor time for a key: 2 KiB for each of 300,000 keys in one store 54 us with buffers of 1 MiB, 46 with 2, 40 with 4, 39 with 8; 50 bytes
 * for each of 100,000 keys 2.2 to 3.5 us from 1 to 6 MiB, without a trend, and 2.9 to 3.4 with 16.
 */
function openOptions(memoryBytes: number): OpenOptions {
  const bytes = Math.max(STORE_BYTES_MIN, memoryBytes)
  const writeBuffers = Math.min(WRITE_BUFFERS_MAX, Math.round((bytes * 2) / 3))
  return {
    createIfMissing: true,
    cacheSize: Math.round(bytes - writeBuffers),
    cacheIndexAndFilterBlocks: true,
    compaction: 'level',
    memtableMemoryBudget: writeBuffers,
    compression: false,
    walCompression: false,
  }
}

const WRITE_BUFFERS_MAX = 16 * MIB

async function prepareDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory)
    // Rights say little (root, read-only mounts): try.
    await rmdir(await mkdtemp(join(directory, '.try-')))
  } catch (error) {
    // On a full disk a worker starts all the same: an end here would make whoever starts it do so again and again.
    if (!isPassing(error)) throw unusableDirectory(directory, error)
  }
}

/** Node's own `recursive` never ends where a parent exists and nothing can be made in it (/proc; seen with Node 24.21). */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: OWNER_ONLY })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || (await exists(parent))) throw error
    await makeDirectory(parent)
    await makeDirectory(path)
  }
}

async function deleteWiped(directory: string): Promise<void> {
  for (const name of await readNames(directory)) {
    if (isWiped(name)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

async function freeName(path: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const away = `${path}.wiped-${n}`
    if (!(await exists(away))) return away
  }
}

async function readNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw unusableDirectory(directory, error)
  }
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  )
}

async function isDirectory(path: string): Promise<boolean> {
  return await lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

async function writtenName(path: string): Promise<string | undefined> {
  return await readFile(join(path, NAME_FILE), 'utf8').catch(() => {
    // A crash came between the directory and its name: nothing was written into it yet.
    return undefined
  })
}
