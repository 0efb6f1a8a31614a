/**
 * How far a local store follows its changelogs, while it does: positions, epochs and the mark, which changes in the same atomic write as the
 * values. One owner: a restore, or a standby. Batches of several changelogs are applied one after another, never at the same time, since the
 * mark speaks for all of them.
 */
import type { RestoreBatch } from '../../state/restore-batch.ts'
import type { LocalMark, TaskState } from '../../state/task-state.ts'
import type { Piece } from './range-reader.ts'

export class Restoration {
  readonly begun: number
  /** Step → next changelog offset to apply. */
  readonly positions: Record<string, number>
  /** Step → epoch of the last record applied. */
  readonly epochs: Record<string, number>
  readonly #stateId: string
  readonly #before: LocalMark | undefined
  #completeAt: number

  constructor(stateId: string, before: LocalMark | undefined, positions: Readonly<Record<string, number>>, now: number) {
    this.#stateId = stateId
    this.#before = before
    this.begun = now
    this.positions = { ...positions }
    this.epochs = { ...before?.changelogEpochs }
    this.#completeAt = before?.completeAt ?? now
  }

  /** When the store was last known to hold all that the changelogs held, epoch ms; before that: when it was begun. */
  get completeAt(): number {
    return this.#completeAt
  }

  /** Everything that the changelogs held at that time is in the store. */
  knownCompleteAt(time: number): void {
    this.#completeAt = time
  }

  /** Applies one piece of one changelog. `check` may refuse it before anything is written. */
  async apply(state: TaskState, step: string, piece: Piece, check?: (batch: RestoreBatch) => void): Promise<void> {
    const batch = state.restoring(step, piece.to - piece.from)
    piece.records.look(piece.from, piece.to, (memory, keyFrom, keySize, valueFrom, valueSize, headers) =>
      batch.add(memory, keyFrom, keySize, valueFrom, valueSize, headers),
    )
    check?.(batch)
    if (piece.to > piece.from) this.epochs[step] = Math.max(this.epochs[step] ?? 0, batch.newestEpoch)
    this.positions[step] = piece.next
    if (!batch.hasOnlyFences) await state.restore(batch, this.mark())
  }

  /** Incomplete: only who holds the task can say that a store is complete. */
  mark(): LocalMark {
    const before = this.#before
    return {
      stateId: this.#stateId,
      epoch: before?.epoch ?? 0,
      n: before?.n ?? 0,
      complete: false,
      completeAt: this.#completeAt,
      positions: before?.positions ?? {},
      changelogs: { ...this.positions },
      changelogEpochs: { ...this.epochs },
    }
  }
}
