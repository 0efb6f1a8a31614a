/** What the tests of state share. */
import type { Codec } from '../../libs/dataflow/cells.ts'
import type { LocalMark } from '../../libs/state/task-state.ts'

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
