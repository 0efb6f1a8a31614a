/**
 * Committed positions of one group, and those that wait for the end of a transaction.
 *
 * Kafka keeps both in one log, and the later record wins by its place in that log, not by the time of the commit: a position that
 * a tool writes while a transactional one is pending stays when that transaction commits (tried on a broker: engine-holes.md, experiment 2).
 */
import { partitionId } from '../runtime/ports/log.ts'
import type { CommittedPosition, PartitionId, PositionToCommit } from '../runtime/ports/log.ts'
import type { Outcome } from './memory-topic.ts'

interface Written extends CommittedPosition {
  /** Place in the group's log. */
  readonly sequence: number
}

export class MemoryPositions {
  readonly #stable = new Map<PartitionId, Written>()
  readonly #pending = new Map<number, Map<PartitionId, Written>>()
  #sequence = 0
  #watchers: (() => void)[] = []

  get(id: PartitionId): CommittedPosition | undefined {
    return this.#stable.get(id)
  }

  write(positions: readonly PositionToCommit[]): void {
    for (const { topic, partition, position, metadata } of positions) {
      this.#stable.set(partitionId(topic, partition), { position, metadata, sequence: ++this.#sequence })
    }
  }

  writePending(producerId: number, positions: readonly PositionToCommit[]): void {
    const pending = this.#pending.get(producerId) ?? new Map<PartitionId, Written>()
    this.#pending.set(producerId, pending)
    for (const { topic, partition, position, metadata } of positions) {
      pending.set(partitionId(topic, partition), { position, metadata, sequence: ++this.#sequence })
    }
  }

  endTransaction(producerId: number, outcome: Outcome): void {
    const pending = this.#pending.get(producerId)
    if (pending === undefined) return
    this.#pending.delete(producerId)
    if (outcome === 'commit') {
      for (const [id, written] of pending) {
        const stable = this.#stable.get(id)
        if (stable === undefined || stable.sequence < written.sequence) this.#stable.set(id, written)
      }
    }
    this.#tell()
  }

  isPending(ids: readonly PartitionId[]): boolean {
    for (const pending of this.#pending.values()) {
      if (ids.some((id) => pending.has(id))) return true
    }
    return false
  }

  /** Calls once, at the next end of a transaction. */
  onceChanged(watcher: () => void): void {
    this.#watchers.push(watcher)
  }

  forgetTopic(topic: string): void {
    this.#forget((id) => id.startsWith(`${topic}:`))
  }

  /** As when the group's positions have passed their retention. */
  forgetAll(): void {
    this.#forget(() => true)
  }

  #forget(concerns: (id: PartitionId) => boolean): void {
    for (const kept of [this.#stable, ...this.#pending.values()]) {
      for (const id of kept.keys()) {
        if (concerns(id)) kept.delete(id)
      }
    }
    this.#tell()
  }

  #tell(): void {
    const watchers = this.#watchers
    this.#watchers = []
    for (const watcher of watchers) watcher()
  }
}
