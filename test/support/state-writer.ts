/**
 * A process that commits to a local store as fast as it can, until somebody kills it. Commit n sets every key to n; some commits
 * are small (written at once), some big (written by the thread), some clear the step first. Says each n when it was applied.
 */
import { rocksHome } from '../../libs/state/rocksdb-store.ts'
import { encodeUser } from '../../libs/state/changelog.ts'
import { TaskState } from '../../libs/state/task-state.ts'
import { json, markAt } from './state-samples.ts'

export const WRITER_TASK = 'cell.0'
export const WRITER_STEP = 'totals'
export const WRITER_KEYS = 400

if (process.argv[2] === 'write') await writeForEver(process.argv[3] ?? '')

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
      await state.restore(WRITER_STEP, [reset, ...records], markAt(n))
    }
    process.stdout.write(`${n}\n`)
  }
}
