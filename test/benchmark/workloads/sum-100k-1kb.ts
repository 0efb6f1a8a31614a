import { sumWorkload } from '../kappa/sum-workload.ts'

export default sumWorkload(
  {
    title: 'sum per key, 100,000 keys, 1 KB JSON',
    full: { records: 500_000, keys: 100_000 },
    quick: undefined,
  },
  { noteLength: 900 },
)
