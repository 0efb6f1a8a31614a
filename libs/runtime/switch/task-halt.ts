/** When a running task halts for a switch, and how far it may read meanwhile. Looks at queues, bounds them, changes nothing else. */
import type { InputQueue } from '../task/input-queue.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { Cuts } from './cuts.ts'
import type { CutInput } from './cuts.ts'
import type { SharedState } from './shared-state.ts'
import { halting } from './task-switch.ts'

/** What a task sees of the other versions. */
export interface VersionView {
  readonly version: number
  readonly shared: SharedState
  limitOf(id: string): number
  timeLimitOf(id: string): number
}

export interface HaltParts {
  readonly view: VersionView
  readonly queues: readonly InputQueue[]
  readonly inputs: readonly CutInput[]
  record(): Pick<CommitRecord, 'switchId' | 'role' | 'cutsIn'>
}

export class TaskHalt {
  readonly #parts: HaltParts
  readonly cuts: Cuts
  readonly #external: readonly InputQueue[]
  #isBound = false

  constructor(parts: HaltParts) {
    this.#parts = parts
    this.cuts = new Cuts(parts.inputs, parts.record().cutsIn)
    this.#external = parts.queues.filter((queue) => queue.wiring.external !== undefined)
  }

  /** Before records are taken: how far the external inputs may be read now. */
  bound(): void {
    const { view, record } = this.#parts
    const { switchId, role } = record()
    const wanted = halting(view.version, switchId, view.shared.open)
    if (wanted.kind === 'none' && role === 'live' && !this.#isBound) return
    this.#isBound = wanted.kind !== 'none' || role !== 'live'
    for (const queue of this.#external) {
      const { id } = queue.wiring
      switch (wanted.kind) {
        case 'none':
          queue.bound(role === 'live' ? Infinity : view.limitOf(id), role === 'live' ? Infinity : view.timeLimitOf(id))
          break
        case 'at-once':
          queue.bound(0, Infinity)
          break
        case 'at-cut': {
          const position = wanted.positions[id]
          if (position !== undefined) queue.bound(position, Infinity)
          else queue.bound(Infinity, wanted.watermark ?? -Infinity)
        }
      }
    }
  }

  /** The switch that it is to halt for now: nothing is left to take before the cut. Undefined: none. */
  due(): number | undefined {
    const { view, record } = this.#parts
    const wanted = halting(view.version, record().switchId, view.shared.open)
    if (wanted.kind === 'none' || !this.cuts.complete(wanted.s)) return undefined
    if (wanted.kind === 'at-cut' && !this.#external.every((queue) => queue.ended)) return undefined
    return wanted.s
  }
}
