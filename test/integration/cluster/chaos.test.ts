/** `make chaos`, short: three brokers, four workers, random faults in four lanes, and the whole verifier. A failure prints its seed and where its logs are. */
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { afterAll, expect, it } from '@jest/globals'
import { startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { EventLog } from '../../chaos/event-log.ts'
import { reportText } from '../../chaos/report.ts'
import { brokerJava, chaosBrokerProperties, runChaos } from '../../chaos/run.ts'
import { scaled } from '../../support/test-scale.ts'
import { testRun } from '../../support/test-run.ts'

const MINUTES = scaled(0.75, 20)
/** For what comes before and after: start, drain, verifier. */
const AROUND_MS = 600_000
const RATE = 200
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000)

process.env['KAFKA_HEAP_OPTS'] ??= brokerJava
const kafka = await startKafka({
  brokers: 3,
  port: 0,
  dir: join(testRun().dir, `chaos-${process.pid}`),
  guardPid: testRun().pid,
  home: 'local',
  properties: chaosBrokerProperties,
})
afterAll(() => kafka.stop())

it(
  'whatever fails, and in whatever order, nothing is lost and nothing is counted twice',
  async () => {
    const directory = join(tmpdir(), `millrace-chaos-${seed}-${process.pid}`)
    const lines: string[] = []
    const events = new EventLog(directory, (line) => lines.push(line))
    const report = await runChaos({ kafka, events, seed, minutes: MINUTES, rate: RATE })
    if (!report.passed) process.stderr.write(`${lines.join('\n')}\n${reportText(report)}\nlogs: ${directory}; again: CHAOS_SEED=${seed}\n`)
    expect({ seed, passed: report.passed }).toEqual({ seed, passed: true })
    events.forget()
  },
  MINUTES * 60_000 + AROUND_MS,
)
