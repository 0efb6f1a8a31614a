/**
 * Changelog records of one step on their way into its store. They are taken from the memory in which they came; no object is made of any.
 *
 * What stood before a reset record, or before the first record of a newer epoch, goes; records of an older epoch than the store's are ignored.
 */
import type { Header } from '../dataflow/plan.ts'
import { changelogEpoch, changelogKind } from './changelog.ts'
import { PackedWrites } from './packed-entries.ts'

export class RestoreBatch {
  readonly step: string
  /** What is left to be written; nothing of what stood before the last clearing. */
  readonly writes: PackedWrites
  readonly #stepPrefix: Uint8Array
  #epoch: number
  #cleared = false
  #hasState = false
  #hasReset = false
  #newestEpoch = 0

  /** `epoch`: that of what is in the store. `expected`: records. */
  constructor(step: string, stepPrefix: Uint8Array, epoch: number, expected?: number) {
    this.step = step
    this.writes = new PackedWrites(expected)
    this.#stepPrefix = stepPrefix
    this.#epoch = epoch
  }

  /** A record whose key and value are parts of `memory`; a negative size: null. In the order of the log. Fault MR4011 when it is not of a changelog. */
  add(memory: Buffer, keyFrom: number, keySize: number, valueFrom: number, valueSize: number, headers: readonly Header[]): void {
    const kind = changelogKind(keySize > 0 ? memory[keyFrom] : undefined)
    const epoch = changelogEpoch(headers)
    if (epoch > this.#newestEpoch) this.#newestEpoch = epoch
    if (kind === 'user') this.#hasState = true
    else if (kind === 'reset') this.#hasReset = true
    if (kind === 'fence' || epoch < this.#epoch) return
    if (kind === 'reset' || epoch > this.#epoch) {
      this.#epoch = epoch
      this.#cleared = true
      this.writes.clear()
    }
    if (kind === 'user') this.writes.addPart(this.#stepPrefix, memory, keyFrom, keySize, valueFrom, valueSize)
  }

  /** What the step holds goes before the writes come. */
  get cleared(): boolean {
    return this.#cleared
  }

  /** There are changes among the records, perhaps of an older epoch. */
  get hasState(): boolean {
    return this.#hasState
  }

  /** Or nothing at all: the store stays as it is. */
  get hasOnlyFences(): boolean {
    return !this.#hasState && !this.#hasReset
  }

  /** The highest of all records; 0: none has one. */
  get newestEpoch(): number {
    return this.#newestEpoch
  }
}
