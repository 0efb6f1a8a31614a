/**
 * The store port in memory: deterministic, for the test kit, the simulator and the demo. The "disk" belongs to the home, so that
 * it survives closing a store, and a crash.
 */
import { fromKeyBytes, toKeyBytes } from '../dataflow/cells.ts'
import type { KeyBytes } from '../dataflow/cells.ts'
import { Fault, assert } from '../faults/fault.ts'
import { SortedKeys } from './sorted-keys.ts'
import type { ClearRange, ScanRange, Store, StoreEntry, StoreHome, StoreWrites } from './store.ts'

export interface MemoryHomeOptions {
  /**
   * Asked at every atomic write: `before` fails it with nothing done, `after` fails it when it was done. `write` counts the
   * writes to that task's store from 1, over all times that it was open.
   */
  readonly faultAt?: (task: string, write: number) => 'before' | 'after' | undefined
}

export interface MemoryHome extends StoreHome {
  /** The process ends without closing anything: what was written stays, open stores can no longer be used. */
  crash(): void
  /** The next opening finds damaged files. */
  damage(task: string): void
}

export function memoryHome(options: MemoryHomeOptions = {}): MemoryHome {
  const disks = new Map<string, Disk>()
  const open = new Map<string, MemoryStore>()
  const damaged = new Set<string>()
  return {
    async open(task) {
      if (open.has(task)) {
        throw new Fault('MR4002', 'retry', `the local store of ${task} is in use; it is tried again until it was closed`, {
          place: { task },
        })
      }
      if (damaged.has(task)) {
        throw new Fault('MR4003', 'acquire-again', `the local store of ${task} is damaged and is rebuilt from the changelog`, {
          place: { task },
        })
      }
      const disk = disks.get(task) ?? new Disk()
      disks.set(task, disk)
      const store = new MemoryStore(task, disk, options, () => open.delete(task))
      open.set(task, store)
      return store
    },
    async wipe(task) {
      assert(!open.has(task), `the store of ${task} is closed before it is wiped`)
      disks.delete(task)
      damaged.delete(task)
    },
    async list() {
      return [...disks.keys()].sort()
    },
    async close() {
      await Promise.all([...open.values()].map((store) => store.close()))
    },
    crash() {
      for (const store of open.values()) store.abandon()
      open.clear()
    },
    damage(task) {
      damaged.add(task)
    },
  }
}

/** What lies on the "disk" of one task. */
class Disk {
  readonly values = new Map<KeyBytes, Buffer>()
  readonly order = new SortedKeys()
  bytes = 0
  writes = 0

  put(key: KeyBytes, value: Buffer): void {
    const before = this.values.get(key)
    if (before === undefined) this.order.add(key)
    this.bytes += value.length - (before === undefined ? -key.length : before.length)
    this.values.set(key, value)
  }

  delete(key: KeyBytes): void {
    const before = this.values.get(key)
    if (before === undefined) return
    this.bytes -= key.length + before.length
    this.values.delete(key)
    this.order.delete(key)
  }

  clear(from: KeyBytes, to: KeyBytes): void {
    const keys = Array.from(this.order.range(from, to))
    for (const key of keys) this.delete(key)
  }
}

class MemoryStore implements Store {
  readonly #task: string
  readonly #disk: Disk
  readonly #options: MemoryHomeOptions
  readonly #onClose: () => void
  #isOpen = true

  constructor(task: string, disk: Disk, options: MemoryHomeOptions, onClose: () => void) {
    this.#task = task
    this.#disk = disk
    this.#options = options
    this.#onClose = onClose
  }

  // Values are copied on their way in and out: nobody shares memory with a disk.
  get(key: Uint8Array): Uint8Array | undefined {
    this.#mustBeOpen()
    const value = this.#disk.values.get(toKeyBytes(key))
    return value === undefined ? undefined : Buffer.from(value)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.get(key))
  }

  scan({ from, to, limit }: ScanRange): StoreEntry[] {
    this.#mustBeOpen()
    const found: StoreEntry[] = []
    if (limit <= 0) return found
    for (const key of this.#disk.order.range(toKeyBytes(from), to === undefined ? undefined : toKeyBytes(to))) {
      found.push([fromKeyBytes(key), Buffer.from(this.#disk.values.get(key) ?? [])])
      if (found.length >= limit) break
    }
    return found
  }

  async write(writes: StoreWrites): Promise<void> {
    await this.clearRanges([], writes)
  }

  async clearRanges(ranges: readonly ClearRange[], writes: StoreWrites): Promise<void> {
    this.#mustBeOpen()
    const disk = this.#disk
    disk.writes += 1
    const fault = this.#options.faultAt?.(this.#task, disk.writes)
    if (fault === 'before') throw this.#failed('nothing was done')
    for (const { from, to } of ranges) disk.clear(toKeyBytes(from), toKeyBytes(to))
    for (const { key, value } of writes) {
      if (value === null) disk.delete(toKeyBytes(key))
      else disk.put(toKeyBytes(key), Buffer.from(value))
    }
    if (fault === 'after') throw this.#failed('it was done')
  }

  sizeBytes(): number {
    return this.#disk.bytes
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#onClose()
  }

  abandon(): void {
    this.#isOpen = false
  }

  #mustBeOpen(): void {
    assert(this.#isOpen, `the store of ${this.#task} is open when it is used`)
  }

  #failed(what: string): Fault {
    return new Fault('MR4005', 'acquire-again', `a write to the local store of ${this.#task} failed as the test asked for (${what})`, {
      place: { task: this.#task },
    })
  }
}
