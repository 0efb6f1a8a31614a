import { sumWorkload } from '../kappa/sum-workload.ts'

export default sumWorkload({
  title: 'sum per key, 100,000 keys, 100 B JSON',
  full: { records: 1_000_000, keys: 100_000 },
  wanted: 1.5,
  quick: { records: 300_000, keys: 100_000 },
})
