/** The calls of one effect step of one task: which may be made now. Pure. */
import type { EffectCall } from '../../dataflow/plan.ts'

export class EffectLane {
  #ready: EffectCall[] = []
  /** Key → calls behind the one that is under way or ready. */
  readonly #behind = new Map<string, EffectCall[]>()
  #running = 0

  add(call: EffectCall): void {
    if (call.order === 'none') {
      this.#ready.push(call)
      return
    }
    const behind = this.#behind.get(call.keyBytes)
    if (behind !== undefined) {
      behind.push(call)
      return
    }
    this.#behind.set(call.keyBytes, [])
    this.#ready.push(call)
  }

  /** Counts as running until `done`; undefined: none may be made now. */
  next(): EffectCall | undefined {
    const first = this.#ready[0]
    if (first === undefined || this.#running >= first.concurrency) return undefined
    this.#ready.shift()
    this.#running += 1
    return first
  }

  done(call: EffectCall): void {
    this.#running -= 1
    if (call.order === 'none') return
    const next = this.#behind.get(call.keyBytes)?.shift()
    if (next === undefined) this.#behind.delete(call.keyBytes)
    else this.#ready.push(next)
  }
}
