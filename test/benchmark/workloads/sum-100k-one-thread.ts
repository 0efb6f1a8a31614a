import { sumWorkload } from '../kappa/sum-workload.ts'

export default sumWorkload({
  title: 'sum per key, 100,000 keys, 100 B JSON, one thread',
  full: { records: 1_000_000, keys: 100_000 },
  quick: undefined,
  threads: 1,
})
