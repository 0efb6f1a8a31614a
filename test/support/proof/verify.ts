/** `make verify [SEED=n] [BUG=name]`: one broker, two workers under load that are killed at fail-points, and the whole verifier. BUG: one of simulation/planted-bugs.ts in all workers. */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stopLocalCluster } from '../../../deploy/local-kafka/local-cluster.ts'
import { startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { tableText } from './check.ts'
import { prove } from './prove.ts'

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
    passed = await proved(kafka.brokers, seed, process.env['BUG'])
  } finally {
    await stopLocalCluster(cluster, { graceMs: 0, keepData: !passed })
  }
  say(passed ? 'passed' : `FAILED; do it again with SEED=${seed}; topics and stores are kept in ${directory}`)
  return passed ? 0 : 1
}

async function proved(brokers: readonly string[], seed: number, bug: string | undefined): Promise<boolean> {
  const { checks, committed, kills } = await prove({ brokers, seed, bug, say })
  const deaths = [...kills].map(([place, count]) => `${place} ${count}`).join(', ')
  process.stdout.write(`\nkills -9: ${deaths}\ntransactions committed: ${committed}\n\n${tableText(checks)}\n\n`)
  return checks.every((one) => one.passed)
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
