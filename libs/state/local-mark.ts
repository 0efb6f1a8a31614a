/**
 * What a local store knows about itself: two JSON records beside the values, changed in the same atomic write as they are.
 *
 * 1. The mark says which commit the values stand for (P2).
 * 2. The registry gives steps their numbers; it is written once, with the first write after a step was added.
 */
import { Fault } from '../faults/fault.ts'
import { MARK_KEY, REGISTRY_KEY } from './key-layout.ts'
import type { Store, StoreWrite } from './store.ts'

export interface LocalMark {
  /** Random id of this life of the application. */
  readonly stateId: string
  readonly epoch: number
  /** Commit counter of the state that the values stand for. */
  readonly n: number
  /** False while a restore is under way. */
  readonly complete: boolean
  /** Wall clock when last known complete, epoch ms (KIP-1259). */
  readonly completeAt: number
  /** `topic:partition` → next input offset. */
  readonly positions: Readonly<Record<string, number>>
  /** Step → next changelog offset to apply. */
  readonly changelogs: Readonly<Record<string, number>>
  /** Step → epoch of the last record applied. */
  readonly changelogEpochs: Readonly<Record<string, number>>
}

export type CellKind = 'value' | 'map' | 'timed'

/** Rises when key-layout.ts changes; a store of another layout is rebuilt from the changelog. */
const LAYOUT = 1

interface StoredRegistry {
  readonly layout: number
  readonly steps: readonly { readonly step: string; readonly number: number; readonly cells: readonly (readonly [string, CellKind])[] }[]
}

interface KnownStep {
  readonly number: number
  readonly cells: Map<string, CellKind>
}

export const markWrite = (mark: LocalMark): StoreWrite => ({ key: MARK_KEY, value: Buffer.from(JSON.stringify(mark)) })

export function readMark(store: Store): LocalMark | undefined {
  const bytes = store.get(MARK_KEY)
  // Written by markWrite above, of the same layout: the registry was read before and has checked that.
  return bytes === undefined ? undefined : (parse(bytes) as LocalMark)
}

/** Steps and cells of one store, with the numbers that stand for steps in its keys. */
export class StepRegistry {
  readonly #steps: Map<string, KnownStep>
  #changed = false

  private constructor(stored: StoredRegistry) {
    this.#steps = new Map(stored.steps.map(({ step, number, cells }) => [step, { number, cells: new Map(cells) }]))
  }

  /** Faults MR4003 and MR4007 (`acquire-again`). */
  static read(store: Store): StepRegistry {
    const bytes = store.get(REGISTRY_KEY)
    // Our own record; its layout is looked at before anything else.
    const stored = bytes === undefined ? { layout: LAYOUT, steps: [] } : (parse(bytes) as StoredRegistry)
    if (stored.layout !== LAYOUT) {
      throw new Fault(
        'MR4007',
        'acquire-again',
        `the local store has layout ${stored.layout}, this release reads ${LAYOUT}: it is rebuilt from the changelog`,
      )
    }
    return new StepRegistry(stored)
  }

  get steps(): readonly string[] {
    return [...this.#steps.keys()]
  }

  cellsOf(step: string): ReadonlyMap<string, CellKind> {
    return this.#steps.get(step)?.cells ?? new Map<string, CellKind>()
  }

  /** Undefined: the store has nothing of that step. */
  known(step: string): number | undefined {
    return this.#steps.get(step)?.number
  }

  /** The number of a step, given now if it is new. */
  numberOf(step: string): number {
    const known = this.known(step)
    if (known !== undefined) return known
    let last = 0
    for (const { number } of this.#steps.values()) last = Math.max(last, number)
    this.#steps.set(step, { number: last + 1, cells: new Map() })
    this.#changed = true
    return last + 1
  }

  noteCell(step: string, cell: string, kind: CellKind): void {
    const cells = this.#steps.get(step)?.cells
    if (cells === undefined || cells.get(cell) === kind) return
    cells.set(cell, kind)
    this.#changed = true
  }

  /** What must go into the next atomic write, given once: a caller whose write fails gives the whole state up. */
  pendingWrites(): StoreWrite[] {
    if (!this.#changed) return []
    this.#changed = false
    const steps = [...this.#steps].map(([step, { number, cells }]) => ({ step, number, cells: [...cells] }))
    const stored: StoredRegistry = { layout: LAYOUT, steps }
    return [{ key: REGISTRY_KEY, value: Buffer.from(JSON.stringify(stored)) }]
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch (error) {
    throw new Fault(
      'MR4003',
      'acquire-again',
      'the local store does not say what it holds: it is damaged and is rebuilt from the changelog',
      { cause: error },
    )
  }
}
