/**
 * Faults that the simulator must find: each a small change of the real source, made while it is loaded (plant-bug.ts). A text that is not found
 * exactly once is an error, so that none of them can rot.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface Edit {
  /** From the root of the project. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface PlantedBug {
  readonly name: string
  readonly edits: readonly Edit[]
}

const root = resolve(import.meta.dirname, '../../..')
const commit = 'libs/runtime/task/commit.ts'
const sendsPositions = `  await producer.sendPositions(transaction.identity, transaction.positions) // 2\n`
const ends = `  await producer.commit() // 3\n`

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'commit order swapped: the positions follow the end of the transaction',
    edits: [
      { file: commit, find: sendsPositions, replace: '' },
      { file: commit, find: ends, replace: `${ends}${sendsPositions}` },
    ],
  },
  {
    name: 'overlay applied before the end of the transaction',
    edits: [
      { file: commit, find: `  await apply(sent) // 4\n`, replace: '' },
      { file: commit, find: ends, replace: `  await apply(sent)\n${ends}` },
    ],
  },
  {
    name: 'fencing left out: each acquisition has a transactional id of its own',
    edits: [
      {
        file: 'libs/runtime/acquire/acquire.ts',
        find: 'context.log.openProducer(context.task.transactionalId, {',
        replace: 'context.log.openProducer(context.task.transactionalId + randomUUID(), {',
      },
    ],
  },
  {
    name: 'positions not in the transaction',
    edits: [{ file: commit, find: sendsPositions, replace: '' }],
  },
  {
    name: 'markers ignored: no watermark comes from the stage before',
    edits: [
      {
        file: 'libs/runtime/task/task-run.ts',
        find: `        if (time.mark(queue.index, item.task, item.watermark)) this.#timeMoved()`,
        replace: '',
      },
    ],
  },
  {
    name: 'markers ignored: the first upstream task speaks for all',
    edits: [
      {
        file: 'libs/runtime/task/task-time.ts',
        find: 'minimum = Math.min(minimum, part.markers.get(task) ?? -Infinity)',
        replace: 'minimum = Math.min(minimum, part.markers.get(task) ?? (part.markers.size > 0 ? Infinity : -Infinity))',
      },
    ],
  },
  {
    name: 'markers ignored: every offset of the group looks as if somebody had moved it',
    edits: [
      {
        file: 'libs/runtime/task/commit-record.ts',
        find: 'if (match?.[1] === undefined) return',
        replace: 'if (match !== undefined) return',
      },
    ],
  },
  {
    name: 'restore one record short',
    edits: [
      {
        file: 'libs/runtime/acquire/restore.ts',
        find: `    from,\n    until: fence + 1,\n    stallMs`,
        // Below the fence stands the end of the last transaction, below that its last record.
        replace: `    from,\n    until: fence - 2,\n    stallMs`,
      },
    ],
  },
  {
    name: 'a standby promoted too early: its store is used as it was left, without a restore to the own fence record',
    edits: [
      {
        file: 'libs/runtime/standby/standby-task.ts',
        find: 'await copy.state.writeMark(copy.restoration.mark())',
        // So that a restore that was cut short is not taken for a copy.
        replace: 'await copy.state.writeMark({ ...copy.restoration.mark(), changelogs: { ...copy.restoration.positions, standby: 1 } })',
      },
      {
        file: 'libs/runtime/acquire/restore.ts',
        find: 'for (const changelog of changelogs) await restoreOne',
        replace: `if (state.mark?.changelogs['standby'] === undefined)\n    for (const changelog of changelogs) await restoreOne`,
      },
    ],
  },
  {
    name: 'the shared key of reset and commit record: compaction takes the reset for an old commit',
    edits: [
      {
        file: 'libs/state/changelog.ts',
        find: 'export const resetKey: Uint8Array = Buffer.from([RESET])',
        replace: 'export const resetKey: Uint8Array = Buffer.from([FENCE])',
      },
    ],
  },
  {
    name: 'a stale prefetch: an answer that is older than the last write of its key is used',
    edits: [
      {
        file: 'libs/state/overlay.ts',
        find: ' || this.layered(entry) !== undefined) return\n    this.#announced.set',
        replace: ') return\n    this.#announced.set',
      },
      { file: 'libs/state/overlay.ts', find: 'if (waiting) this.#announced.delete(entry)', replace: '' },
    ],
  },
  {
    name: 'a task kept after revocation',
    edits: [
      {
        file: 'libs/runtime/worker/worker.ts',
        find: 'filter((task) => !names.includes(task.name))',
        replace: 'filter(() => false)',
      },
    ],
  },
  {
    name: 'aborted records read',
    edits: [
      {
        file: 'libs/memory/memory-topic.ts',
        find: `if (entry.kind === 'data' && entry.state === 'committed') records.push`,
        replace: `if (entry.kind === 'data') records.push`,
      },
    ],
  },
  {
    name: 'timers fired twice: the entry of a timer that fired is not deleted',
    edits: [
      {
        file: 'libs/state/timed-cell.ts',
        find: `      const value = found.get(entry)\n      this.#overlay.delete(entry)\n`,
        replace: `      const value = found.get(entry)\n`,
      },
    ],
  },
]

/** The same for what the in-memory log has no part in: only workers on a real broker show them (proof/hunt-bugs.ts). */
export const wireBugs: readonly PlantedBug[] = [
  {
    name: 'no fence at all: a transactional id for each acquisition, and positions without member and generation',
    edits: [
      {
        file: 'libs/runtime/acquire/acquire.ts',
        find: 'context.log.openProducer(context.task.transactionalId, {',
        replace: 'context.log.openProducer(context.task.transactionalId + randomUUID(), {',
      },
      {
        file: commit,
        find: sendsPositions,
        replace: `  await producer.sendPositions({ ...transaction.identity, memberId: '', generation: -1 }, transaction.positions)\n`,
      },
    ],
  },
  {
    name: 'aborted records read from a broker',
    edits: [
      {
        file: 'libs/kafka/codec/record-set.ts',
        find: `    if (batch.attributes & layout.TRANSACTIONAL && filter.isAborted(batch.producerId, batch.lastOffset)) continue\n`,
        replace: '',
      },
    ],
  },
]

export const bugNamed = (name: string): PlantedBug => {
  const found = [...plantedBugs, ...wireBugs].find((bug) => bug.name === name)
  if (found === undefined) throw new Error(`there is no planted bug named ${name}`)
  return found
}

/** The source with the bug in it; the same when the bug is not in this file. */
export function planted(bug: PlantedBug, file: string, source: string): string {
  let changed = source
  for (const { find, replace } of bug.edits.filter((edit) => edit.file === file)) {
    const parts = changed.split(find)
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times, not once, what "${bug.name}" replaces: ${find}`)
    changed = parts.join(replace)
  }
  return changed
}

/** Whether every edit of it fits the source as it stands. */
export function checkPlanted(bug: PlantedBug): void {
  for (const { file } of bug.edits) planted(bug, file, readFileSync(join(root, file), 'utf8'))
}
