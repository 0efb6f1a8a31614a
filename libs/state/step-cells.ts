/** The cells of one step, made when an operator asks for them the first time. */
import type { Codec, MapCell, StoreCells, TimedCell, ValueCell } from '../dataflow/cells.ts'
import { assert } from '../faults/fault.ts'
import { OverlayMapCell, OverlayValueCell } from './cells.ts'
import type { StatefulCell } from './cells.ts'
import { cellPrefix, stepRange } from './key-layout.ts'
import type { CellKind, StepRegistry } from './local-mark.ts'
import type { LayerChange, TaskScope } from './overlay.ts'
import type { ClearRange } from './store.ts'
import { OverlayTimedCell } from './timed-cell.ts'

interface Named {
  readonly kind: CellKind
  readonly cell: StatefulCell
}

export class StepCells implements StoreCells {
  readonly step: string
  readonly stepNumber: number
  readonly #scope: TaskScope
  readonly #registry: StepRegistry
  readonly #cells = new Map<string, Named>()

  constructor(scope: TaskScope, registry: StepRegistry, step: string) {
    this.step = step
    this.stepNumber = registry.numberOf(step)
    this.#scope = scope
    this.#registry = registry
  }

  value<V>(name: string, codec: Codec<V>): ValueCell<V> {
    return this.#named(name, 'value', OverlayValueCell<V>, codec)
  }

  map<V>(name: string, codec: Codec<V>): MapCell<V> {
    return this.#named(name, 'map', OverlayMapCell<V>, codec)
  }

  timed<V>(name: string, codec: Codec<V>): TimedCell<V> {
    return this.#named(name, 'timed', OverlayTimedCell<V>, codec)
  }

  #named<C, V>(
    name: string,
    kind: CellKind,
    cellClass: new (scope: TaskScope, place: string, prefix: Buffer, codec: Codec<V>) => C & StatefulCell,
    codec: Codec<V>,
  ): C {
    const known = this.#cells.get(name)
    assert(
      known === undefined || known.kind === kind,
      `the cell ${name} of ${this.step} is a ${known?.kind} cell and is asked for as ${kind}`,
    )
    // A name has one kind and, by contract, one type of value.
    if (known !== undefined) return known.cell as C & StatefulCell
    const cell = new cellClass(this.#scope, `${name} of ${this.step}`, cellPrefix(this.stepNumber, name), codec)
    this.#cells.set(name, { kind, cell })
    this.#registry.noteCell(this.step, name, kind)
    return cell
  }

  get range(): ClearRange {
    return stepRange(this.stepNumber)
  }

  get dirty(): boolean {
    for (const { cell } of this.#cells.values()) if (cell.dirty) return true
    return false
  }

  get dirtyBytes(): number {
    let bytes = 0
    for (const { cell } of this.#cells.values()) bytes += cell.dirtyBytes
    return bytes
  }

  freeze(changes: LayerChange[]): void {
    for (const { cell } of this.#cells.values()) cell.freeze(changes)
  }

  applied(): void {
    for (const { cell } of this.#cells.values()) cell.applied()
  }

  discard(): void {
    for (const { cell } of this.#cells.values()) cell.discard()
  }

  reset(): void {
    for (const { cell } of this.#cells.values()) cell.reset()
  }
}
