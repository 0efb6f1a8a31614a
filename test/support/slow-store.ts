/** A store whose answers come when a test says so: reads look at the moment they are asked, writes happen at a chosen end. */
import type { Store, StoreWrites, ClearRange } from '../../libs/state/store.ts'

export class SlowStore implements Store {
  readonly #store: Store
  readonly #reads: (() => void)[] = []
  readonly #writes: (() => void)[] = []
  /** True: a write is in the store before it is answered; false: only when it is answered. */
  writesEarly = false
  slow = true

  constructor(store: Store) {
    this.#store = store
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#store.get(key)
  }

  scan(range: Parameters<Store['scan']>[0]): ReturnType<Store['scan']> {
    return this.#store.scan(range)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const values = keys.map((key) => this.#store.get(key))
    if (this.slow) await new Promise<void>((resolve) => this.#reads.push(resolve))
    return values
  }

  async write(writes: StoreWrites): Promise<void> {
    await this.clearRanges([], writes)
  }

  async clearRanges(ranges: readonly ClearRange[], writes: StoreWrites): Promise<void> {
    const early = this.writesEarly
    if (early) await this.#store.clearRanges(ranges, writes)
    if (this.slow) await new Promise<void>((resolve) => this.#writes.push(resolve))
    if (!early) await this.#store.clearRanges(ranges, writes)
  }

  answerRead(): void {
    this.#reads.shift()?.()
  }

  answerWrite(): void {
    this.#writes.shift()?.()
  }

  sizeBytes(): number {
    return this.#store.sizeBytes()
  }

  async close(): Promise<void> {
    await this.#store.close()
  }
}
