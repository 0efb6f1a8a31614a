/**
 * Every mark that was ever written into a local store, whatever became of the store. A mark says which commit the values stand for; P2: each
 * of them is one that the log knows.
 */
import { MARK_KEY } from '../../../libs/state/key-layout.ts'
import type { LocalMark } from '../../../libs/state/local-mark.ts'
import type { StoreWrites } from '../../../libs/state/store.ts'
import type { CommitHistory } from './commit-history.ts'

/** Commit topic and partition of a task; undefined: no such task. */
type PlaceOf = (task: string) => { readonly topic: string; readonly partition: number } | undefined

export class MarkHistory {
  readonly #marks = new Map<string, Set<string>>()

  note(task: string, writes: StoreWrites): void {
    const mark = [...writes].findLast(({ key }) => key.length === MARK_KEY.length && Buffer.compare(key, MARK_KEY) === 0)?.value
    if (mark === undefined || mark === null) return
    const known = this.#marks.get(task) ?? new Set()
    this.#marks.set(task, known)
    known.add(Buffer.from(mark).toString('utf8'))
  }

  /** Marks that stand for something that never happened. */
  unknownTo(commits: CommitHistory, placeOf: PlaceOf): string[] {
    const unknown: string[] = []
    for (const [task, marks] of this.#marks) {
      const place = placeOf(task)
      for (const text of place === undefined ? [] : marks) {
        // Written by markWrite.
        const mark = JSON.parse(text) as LocalMark
        if (place === undefined || mark.n === 0) continue
        if (commits.knows(place.topic, place.partition, mark)) continue
        unknown.push(`${task}: a store stood at commit ${mark.n}, ${JSON.stringify(mark.positions)}, which never happened`)
      }
    }
    return unknown
  }
}
