import { sumWorkload } from '../kappa/sum-workload.ts'

export default sumWorkload({
  title: 'sum per key, 1,000 keys, 100 B JSON',
  full: { records: 1_500_000, keys: 1_000 },
  quick: undefined,
})
