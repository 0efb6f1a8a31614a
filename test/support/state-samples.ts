/** What the tests of state share. */
import type { Codec, ValueCell } from '../../libs/dataflow/cells.ts'
import { memoryHome } from '../../libs/state/memory-store.ts'
import type { MemoryHomeOptions } from '../../libs/state/memory-store.ts'
import { TaskState } from '../../libs/state/task-state.ts'
import type { LocalMark, TaskStateOptions } from '../../libs/state/task-state.ts'
import { SlowStore } from './slow-store.ts'

/** JSON, for tests: the product has its own codecs in libs/dataflow. */
export const json = <V>(): Codec<V> => ({
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
})

export const markAt = (n: number, change: Partial<LocalMark> = {}): LocalMark => ({
  stateId: 'life-1',
  epoch: 1,
  n,
  complete: true,
  completeAt: 1_700_000_000_000,
  positions: { 'orders:0': n * 10 },
  changelogs: { totals: n * 5 },
  changelogEpochs: { totals: 1 },
  ...change,
})

export interface Total {
  sum: number
}

export const totals = (state: TaskState): ValueCell<Total> => state.cells('totals').value('total', json<Total>())
export const noCache = { cacheBytesMax: 0 }
export const cached = { cacheBytesMax: 1_000_000 }

/** A state with the step `totals` on a new store in memory, which answers at once. */
export async function openedState(
  options: TaskStateOptions = cached,
  home: MemoryHomeOptions = {},
): Promise<{ state: TaskState; store: SlowStore }> {
  const store = new SlowStore(await memoryHome(home).open('cell.0'))
  store.slow = false
  return { state: TaskState.open(store, ['totals'], options), store }
}

export async function commit(state: TaskState, n: number): Promise<void> {
  await state.apply(state.freeze(), markAt(n))
}
