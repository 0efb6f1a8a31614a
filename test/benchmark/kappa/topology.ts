/** The topology of the workload that the environment names, under the names of this run; contenders.ts starts it. */
import { workloadNamed } from './workload.ts'

const {
  BENCH_WORKLOAD = 'sum-100k',
  BENCH_APPLICATION = 'bench',
  BENCH_VERSION = '1',
  BENCH_INPUT = 'bench-input',
  BENCH_OUTPUT = 'bench-output',
} = process.env

const { topology } = await workloadNamed(BENCH_WORKLOAD)

export default topology({ application: BENCH_APPLICATION, version: Number(BENCH_VERSION), input: BENCH_INPUT, output: BENCH_OUTPUT })
