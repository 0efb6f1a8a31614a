/** `make chaos MINUTES=n [SEED=n] [RATE=n] [BUG=name]`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stopLocalCluster } from '../../deploy/local-kafka/local-cluster.ts'
import { startKafka } from '../../deploy/local-kafka/start-kafka.ts'
import { EventLog } from './event-log.ts'
import { reportText } from './report.ts'
import { brokerJava, chaosBrokerProperties, runChaos } from './run.ts'

const MINUTES = 5
/** Orders a second: what two busy cores keep up with while three brokers and four workers come and go. */
const RATE = 400

/** A number from the environment; make gives an empty one where none was said. */
function numberOf(name: string, otherwise: number): number {
  const text = process.env[name] ?? ''
  const value = text === '' ? otherwise : Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} is "${text}": give a number above 0`)
  return value
}

async function main(): Promise<number> {
  const minutes = numberOf('MINUTES', MINUTES)
  const seed = numberOf('SEED', Date.now() % 1_000_000)
  const rate = numberOf('RATE', RATE)
  process.env['KAFKA_HEAP_OPTS'] ??= brokerJava
  const directory = resolve('.millrace/chaos', `seed-${seed}-${new Date().toISOString().replaceAll(/[:.]/gu, '-')}`)
  mkdirSync(directory, { recursive: true })
  // State directories are below it too.
  process.env['TMPDIR'] = directory
  const events = new EventLog(directory, (line) => process.stdout.write(`${line}\n`))
  events.say(`chaos with seed ${seed} for ${minutes} minutes, ${rate} orders a second; logs in ${directory}`)
  const cluster = join(directory, 'kafka')
  const kafka = await startKafka({
    brokers: 3,
    port: 0,
    dir: cluster,
    guardPid: process.pid,
    home: 'local',
    properties: chaosBrokerProperties,
  })
  let passed = false
  try {
    const report = await runChaos({ kafka, events, seed, minutes, rate, bug: process.env['BUG'] })
    passed = report.passed
    writeFileSync(join(directory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`)
    writeFileSync(join(directory, 'report.txt'), `${reportText(report)}\n`)
    process.stdout.write(`\n${reportText(report)}\n\n`)
  } finally {
    // What a failed run has left in its topics is evidence.
    await stopLocalCluster(cluster, { graceMs: 0, keepData: !passed })
  }
  process.stdout.write(`${passed ? 'passed' : `FAILED; do it again with SEED=${seed}`}; logs and report.json in ${directory}\n`)
  return passed ? 0 : 1
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
