import { sumWorkload } from '../kappa/sum-workload.ts'

/** Every key twice: half of the records find a key that was written long ago. */
export default sumWorkload(
  {
    title: 'sum per key, 5,000,000 keys, 100 B JSON',
    full: { records: 10_000_000, keys: 5_000_000 },
    quick: undefined,
    roundsMax: 1,
  },
  { eachKey: 'always' },
)
