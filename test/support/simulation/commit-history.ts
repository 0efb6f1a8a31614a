/**
 * Follows the commit topics while the run goes on. In each of them the numbers of the committed transactions are n, n+1, n+2 ... and positions
 * never go back: whoever commits has built on the commit before, whatever was fenced, late or lost in between.
 */
import type { MemoryLog } from '../../../libs/memory/memory-log.ts'
import { decodeCommitRecord } from '../../../libs/runtime/task/commit-record.ts'
import type { CommitRecord } from '../../../libs/runtime/task/commit-record.ts'

interface Followed {
  next: number
  last: CommitRecord | undefined
  /** 'acquisition n' of all that were committed. */
  readonly happened: Set<string>
  /** And what they stand for. */
  readonly stands: Set<string>
}

type Standing = Pick<CommitRecord, 'n' | 'positions'>
const standingOf = ({ n, positions }: Standing): string =>
  `${n} ${JSON.stringify(
    Object.keys(positions)
      .toSorted()
      .map((id) => positions[id]),
  )}`

const nameOf = ({ acquisition, n }: Pick<CommitRecord, 'acquisition' | 'n'>): string => `${acquisition} ${n}`

export class CommitHistory {
  readonly violations: string[] = []
  readonly #log: MemoryLog
  readonly #followed = new Map<string, Followed>()
  commits = 0

  constructor(log: MemoryLog) {
    this.#log = log
  }

  /** The newest commit of a task that stands in the log. */
  newest(topic: string, partition: number): CommitRecord | undefined {
    return this.#followed.get(`${topic}:${partition}`)?.last
  }

  happened(topic: string, partition: number, record: Pick<CommitRecord, 'acquisition' | 'n'>): boolean {
    return this.#followed.get(`${topic}:${partition}`)?.happened.has(nameOf(record)) ?? false
  }

  /** Whether a commit of that number and those positions ever happened. */
  knows(topic: string, partition: number, standing: Standing): boolean {
    return this.#followed.get(`${topic}:${partition}`)?.stands.has(standingOf(standing)) ?? false
  }

  catchUp(topic: string, partition: number): void {
    const id = `${topic}:${partition}`
    const held = this.#followed.get(id) ?? { next: 0, last: undefined, happened: new Set<string>(), stands: new Set<string>() }
    this.#followed.set(id, held)
    const entries = this.#log.entries(topic, partition)
    let index = entries.length
    while (index > 0 && (entries[index - 1]?.record.offset ?? -1) >= held.next) index -= 1
    for (const entry of entries.slice(index)) {
      if (entry.state === 'open') break
      held.next = entry.record.offset + 1
      if (entry.kind !== 'data' || entry.state !== 'committed' || entry.record.value === null) continue
      const record = decodeCommitRecord(entry.record.value)
      if (record !== undefined) this.#take(id, held, record)
    }
  }

  #take(id: string, held: Followed, record: CommitRecord): void {
    const { last } = held
    this.commits += 1
    held.last = record
    held.happened.add(nameOf(record))
    held.stands.add(standingOf(record))
    if (last === undefined) return
    if (record.n !== last.n + 1) this.violations.push(`${id}: commit ${record.n} follows ${last.n}`)
    // A new epoch starts where it was told to.
    if (record.epoch > last.epoch) return
    for (const [input, position] of Object.entries(last.positions))
      if ((record.positions[input] ?? -1) < position)
        this.violations.push(`${id}: commit ${record.n} puts ${input} back from ${position} to ${record.positions[input]}`)
  }
}
