/**
 * An application under test whose stores are real files and whose log is in memory: fast, and everything between RocksDB and the promises
 * of the engine is the real thing. A worker is killed, its files are damaged, and the next worker takes them.
 *
 * Two tasks, so that one can be seen to go on while the other is attacked. Each record of a key leads to the number and the hash of
 * everything that the key has seen, so that one lost or repeated change of state changes every later result.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json, text, topic, topology, type, valueState } from 'millrace'
import { rocksHome } from '../../libs/state/rocksdb-store.ts'
import type { StoreHome } from '../../libs/state/store.ts'
import { MemoryApplication } from './memory-application.ts'
import type { Seat, WorkerRequest } from './memory-application.ts'
import { withStandingTime } from './real-stores.ts'

interface Deed {
  readonly id: number
}
interface Chain {
  readonly n: number
  readonly hash: string
  /** Makes files. */
  readonly ballast: string
}
interface Seen {
  readonly id: number
  readonly n: number
  readonly hash: string
}

export const deeds = topic('deeds', { key: text, value: json(type<Deed>()) })
export const seen = topic('seen', { key: text, value: json(type<Seen>()) })
export const CHAIN_CHANGELOG = 'chains.v1.chain.changelog'

const linkOf = (before: string, id: number): string => createHash('sha1').update(`${before}/${id}`).digest('hex')

export const chains = topology('chains', { version: 1 }, (flow) => {
  flow
    .stream(deeds)
    .process('chain', {
      state: { chain: valueState<Chain>() },
      emits: type<Seen>(),
      onRecord: ({ id }, { state, emit }) => {
        const before = state.chain.get()
        const n = (before?.n ?? 0) + 1
        const hash = linkOf(before?.hash ?? '', id)
        state.chain.set({ n, hash, ballast: hash.repeat(40) })
        emit({ id, n, hash })
      },
    })
    .to(seen)
})

export const KEYS = 150
export const PARTITIONS = 2
/** A write buffer of half a MiB: every few rounds make tables. */
const MEMORY_BYTES = 6 * 2 ** 20

export class AttackedStore {
  readonly app: MemoryApplication
  readonly root: string
  /** The state directory of the next worker. */
  readonly directory: string
  #ids = 0
  /** Key → ids, in order. */
  readonly #sent = new Map<string, number[]>()
  #home: StoreHome | undefined

  private constructor(app: MemoryApplication) {
    this.app = app
    this.root = mkdtempSync(join(tmpdir(), 'millrace-attack-'))
    this.directory = join(this.root, 'state')
  }

  static async open(settings: Parameters<typeof MemoryApplication.open>[1] = {}): Promise<AttackedStore> {
    return new AttackedStore(await MemoryApplication.open(chains, { partitions: PARTITIONS, ...settings }))
  }

  storeOf(task: number): string {
    return join(this.directory, `deeds.${task}`)
  }

  /** One record for each key, to both tasks. */
  async round(keys = KEYS): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const records = []
      for (let key = 0; key < keys; key += 1) {
        const id = (this.#ids += 1)
        const name = `${partition}/${key}`
        this.#sent.set(name, [...(this.#sent.get(name) ?? []), id])
        records.push({ key: Buffer.from(name), value: Buffer.from(JSON.stringify({ id })), timestamp: 0, headers: [] })
      }
      await this.app.log.append([{ topic: deeds.topic, partition, records }])
    }
  }

  async start(request: WorkerRequest = {}): Promise<Seat> {
    this.#home = await rocksHome({ directory: this.directory, memoryBytes: MEMORY_BYTES, storesExpected: 1 })
    return await this.app.start({ stores: withStandingTime(this.#home, this.app.clock), ...request })
  }

  /** A second worker, on a disk of its own. */
  async startBeside(home: StoreHome): Promise<Seat> {
    return await this.app.start({ stores: withStandingTime(home, this.app.clock) })
  }

  /** The worker dies; RocksDB flushes nothing when it is closed, so its files are as kill -9 leaves them. */
  async kill(seat: Seat): Promise<void> {
    this.app.kill(seat)
    await this.closeHome()
    await this.app.until(() => this.app.log.membersOf(this.app.group).length === 0, 'the group has expelled it')
  }

  async closeHome(): Promise<void> {
    await this.#home?.close()
    this.#home = undefined
  }

  /** Every committed result of each key, in order, against what the input alone says. */
  async difference(): Promise<string | undefined> {
    const found = new Map<string, string[]>()
    for (const { key, value } of await this.app.read(seen.topic)) {
      const name = Buffer.from(key ?? []).toString()
      found.set(name, [...(found.get(name) ?? []), Buffer.from(value ?? []).toString()])
    }
    for (const [key, ids] of this.#sent) {
      const results = found.get(key) ?? []
      let before = { n: 0, hash: '' }
      for (const [index, id] of ids.entries()) {
        before = { n: before.n + 1, hash: linkOf(before.hash, id) }
        const expected = JSON.stringify({ id, ...before })
        if (results[index] !== expected) return `${key}, result ${index}: ${results[index]} instead of ${expected}`
      }
      if (results.length !== ids.length) return `${key} has ${results.length} results instead of ${ids.length}`
    }
    return undefined
  }

  async close(): Promise<void> {
    await this.app.close()
    await this.closeHome()
    rmSync(this.root, { recursive: true, force: true })
  }
}
