/**
 * The stores of one worker as it sees them: what asks the disk may take its time, and what is written is watched. A read looks at the moment it
 * is asked, a write happens in the end.
 */
import type { Clock } from '../../../libs/runtime/ports/clock.ts'
import type { MarkHistory } from './mark-history.ts'
import type { ClearRange, Store, StoreEntry, StoreHome, StoreWrites } from '../../../libs/state/store.ts'

export class SlowHome implements StoreHome {
  readonly #home: StoreHome
  readonly #clock: Clock
  readonly #marks: MarkHistory
  readonly #delayMs: () => number

  /** `delayMs` is asked at each read and write; 0: at once. */
  constructor(home: StoreHome, clock: Clock, marks: MarkHistory, delayMs: () => number) {
    this.#home = home
    this.#clock = clock
    this.#marks = marks
    this.#delayMs = delayMs
  }

  async open(task: string): Promise<Store> {
    return new SlowStore(task, await this.#home.open(task), this.#clock, this.#marks, this.#delayMs)
  }
  async wipe(task: string): Promise<void> {
    await this.#home.wipe(task)
  }
  async list(): Promise<readonly string[]> {
    return await this.#home.list()
  }
  async close(): Promise<void> {
    await this.#home.close()
  }
}

class SlowStore implements Store {
  readonly #task: string
  readonly #store: Store
  readonly #clock: Clock
  readonly #marks: MarkHistory
  readonly #delayMs: () => number

  constructor(task: string, store: Store, clock: Clock, marks: MarkHistory, delayMs: () => number) {
    this.#task = task
    this.#store = store
    this.#clock = clock
    this.#marks = marks
    this.#delayMs = delayMs
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#store.get(key)
  }
  scan(range: Parameters<Store['scan']>[0]): StoreEntry[] {
    return [...this.#store.scan(range)]
  }
  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const found = await this.#store.getMany(keys)
    await this.#wait()
    return found
  }
  async write(writes: StoreWrites): Promise<void> {
    await this.#wait()
    this.#marks.note(this.#task, writes)
    await this.#store.write(writes)
  }
  async clearRanges(ranges: readonly ClearRange[], writes: StoreWrites): Promise<void> {
    await this.#wait()
    this.#marks.note(this.#task, writes)
    await this.#store.clearRanges(ranges, writes)
  }
  sizeBytes(): number {
    return this.#store.sizeBytes()
  }
  async close(): Promise<void> {
    await this.#store.close()
  }

  async #wait(): Promise<void> {
    const delayMs = this.#delayMs()
    if (delayMs > 0) await this.#clock.sleep(delayMs)
  }
}
