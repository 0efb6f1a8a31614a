/**
 * A process that commits to a local store as fast as it can, until somebody kills it. Commit n sets every key to n; some commits
 * are small (written at once), some big (written by the thread), some clear the step first. Says each n when it was applied.
 */
import { rocksHome } from '../../libs/state/rocksdb-store.ts'
import { encodeUser } from '../../libs/state/changelog.ts'
import { TaskState } from '../../libs/state/task-state.ts'
import { restore } from './changelog-records.ts'
import { json, markAt } from './state-samples.ts'

export const WRITER_TASK = 'cell.0'
export const WRITER_STEP = 'totals'
export const WRITER_KEYS = 400

/** Of the mode `fill`. */
export const FILLED_KEYS = 1_000_000
export const filledKey = (index: number): string => `customer-${String(index).padStart(9, '0')}`

const [, , mode, directory = ''] = process.argv
if (mode === 'write') await writeForEver(directory)
if (mode === 'fill') await fill(directory)
if (mode === 'exit') await exitWhileWriting(directory)

async function writeForEver(directory: string): Promise<void> {
  const home = await rocksHome({ directory, memoryBytes: 8 * 2 ** 20, storesExpected: 1 })
  const state = TaskState.open(await home.open(WRITER_TASK), [WRITER_STEP], { cacheBytesMax: 100_000 })
  const cell = state.cells(WRITER_STEP).value('v', json<number>())
  for (let n = (state.mark?.n ?? 0) + 1; ; n += 1) {
    const keys = Array.from({ length: n % 3 === 0 ? 20 : WRITER_KEYS }, (_, index) => `key ${index}`)
    if (n % 3 === 1) {
      for (const key of keys) cell.set(key, n)
      await state.apply(state.freeze(), markAt(n))
    } else {
      // A restore that begins with a reset: it clears the step and fills it, in one atomic write.
      const records = keys.map((key) => ({
        kind: 'user' as const,
        key: encodeUser(Buffer.from(`\x01v${key}`)).subarray(1),
        value: Buffer.from(String(n)),
        epoch: 1,
      }))
      const reset = { kind: 'reset' as const, key: Buffer.alloc(0), value: null, epoch: 1 }
      await restore(state, WRITER_STEP, [reset, ...records], markAt(n))
    }
    process.stdout.write(`${n}\n`)
  }
}

/** Restores a large state, says 1, and waits to be killed. */
async function fill(directory: string): Promise<void> {
  const home = await rocksHome({ directory, memoryBytes: 64 * 2 ** 20, storesExpected: 1 })
  const state = TaskState.open(await home.open(WRITER_TASK), [WRITER_STEP], { cacheBytesMax: 0 })
  const batch = 20_000
  for (let from = 0; from < FILLED_KEYS; from += batch) {
    const records = Array.from({ length: batch }, (_, index) => ({
      kind: 'user' as const,
      key: Buffer.from(`\x01v${filledKey(from + index)}`),
      value: Buffer.from(JSON.stringify({ count: from + index, last: '2026-01-01T00:00:00.000Z' })),
      epoch: 1,
    }))
    await restore(state, WRITER_STEP, records, markAt(from + batch))
  }
  process.stdout.write('1\n')
  setInterval(() => undefined, 60_000)
}

/** Ends the process while a thread writes and another reads. */
async function exitWhileWriting(directory: string): Promise<void> {
  const home = await rocksHome({ directory, memoryBytes: 8 * 2 ** 20, storesExpected: 1 })
  const store = await home.open(WRITER_TASK)
  const writes = Array.from({ length: 50_000 }, (_, index) => ({ key: Buffer.from(filledKey(index)), value: Buffer.alloc(100) }))
  await store.write(writes)
  void store.write(writes)
  void store.getMany(writes.map(({ key }) => key))
  setTimeout(() => process.exit(0), 5)
}
