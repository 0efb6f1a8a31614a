/** `make verify [SEED=n]`: one broker, two workers under load that are killed at fail-points, and the whole verifier. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stopLocalCluster } from '../../../deploy/local-kafka/local-cluster.ts'
import { startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { EngineRig } from '../engine-rig.ts'
import { tableText } from './check.ts'
import { runUnderKills } from './run-under-kills.ts'
import { verdictOf } from './verdict.ts'

const PARTITIONS = 3
const KILLS_OF_ONE_WORKER = 4
/** Orders a second. */
const RATE = 300

const begun = performance.now()
const say = (text: string): void =>
  void process.stdout.write(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(6)} s  ${text}\n`)

async function main(): Promise<number> {
  const text = process.env['SEED'] ?? ''
  const seed = text === '' ? Date.now() % 1_000_000 : Number(text)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`SEED is "${text}": give a whole number from 0`)
  const directory = resolve('.millrace/verify', `seed-${seed}-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  process.env['TMPDIR'] = directory // State directories are below it too.
  say(`seed ${seed}; logs in ${directory}`)
  const cluster = join(directory, 'kafka')
  const kafka = await startKafka({ brokers: 1, port: 0, dir: cluster, guardPid: process.pid, home: 'local' })
  let passed = false
  try {
    passed = await proved(kafka.brokers, seed)
  } finally {
    await stopLocalCluster(cluster, { graceMs: 0, keepData: !passed })
  }
  say(passed ? 'passed' : `FAILED; do it again with SEED=${seed}; topics and stores are kept in ${directory}`)
  return passed ? 0 : 1
}

async function proved(brokers: readonly string[], seed: number): Promise<boolean> {
  const topics = { orders: PARTITIONS, chains: PARTITIONS, regions: PARTITIONS, windows: PARTITIONS }
  const rig = await EngineRig.open({ brokers, module: 'test/support/proof/topology.ts', topics })
  let passed = false
  try {
    const { workers, kills } = await runUnderKills({ rig, partitions: PARTITIONS, seed, rate: RATE, kills: KILLS_OF_ONE_WORKER, say })
    const { checks, committed } = await verdictOf({ rig, workers, tasks: 2 * PARTITIONS, say })
    passed = checks.every((one) => one.passed)
    const deaths = [...kills].map(([place, count]) => `${place} ${count}`).join(', ')
    process.stdout.write(`\nkills -9: ${deaths}\ntransactions committed: ${committed}\n\n${tableText(checks)}\n\n`)
    return passed
  } finally {
    if (!passed) process.env['ENGINE_TEST_KEEP'] = '1' // Stores and words of the workers are evidence.
    await rig.close()
  }
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  },
)
