/**
 * `make demo`: the whole story on a real Kafka, in under two minutes. Ends by itself, with exit code 0 when every comparison was equal.
 *
 * Options: --no-kill leaves both workers alive, --minutes n shortens the city's hour.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka } from '../../deploy/local-kafka/start-kafka.ts'
import { repositoryRoot } from '../../deploy/local-kafka/kafka-jars.ts'
import { mkdirSync } from 'node:fs'
import { runCity } from './city-run.ts'
import { runFlights } from './flights-run.ts'
import { bold, elapsedSeconds, green, headline, red, say } from './steps.ts'

const { values } = parseArgs({ options: { 'no-kill': { type: 'boolean', default: false }, minutes: { type: 'string', default: '60' } } })

async function demo(): Promise<boolean> {
  const home = join(repositoryRoot, '.millrace')
  mkdirSync(home, { recursive: true })
  const directory = await mkdtemp(join(home, 'demo-'))
  headline('1. Kafka')
  const kafka = await startKafka({ port: 0, dir: join(directory, 'kafka'), guardPid: process.pid, log: say })
  say(
    `Kafka at ${kafka.brokers.join(', ')} (${kafka.home === 'local' ? 'Apache Kafka from Maven Central, started for this demo' : kafka.home})`,
  )
  try {
    headline('2. A city: ride requests and driver locations → cells → minutes → prices')
    const city = await runCity({ brokers: kafka.brokers, directory, kill: !values['no-kill'], minutes: Number(values.minutes) })
    headline('3. Real data: flights → delays for each airport and day → ranking')
    const flights = await runFlights(kafka.brokers, directory)
    return city && flights
  } finally {
    await kafka.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

const good = await demo().catch((error: unknown) => {
  say(red(error instanceof Error ? error.message : String(error)))
  return false
})
headline(good ? green('The demo is done: every result equals the independent recomputation.') : red('The demo failed.'))
process.stdout.write(`
  Took ${elapsedSeconds().toFixed(0)} seconds.
  Where to look next:
    ${bold('services/surge-pricing/topology.ts')}   the pipeline that you just saw, about 60 lines
    ${bold('make kafka-up')}                        a Kafka at 127.0.0.1:9092, then
    ${bold('npx millrace topics create services/surge-pricing/topology.ts --external --partitions 4 --retain --brokers 127.0.0.1:9092')}
    ${bold('npx millrace run services/surge-pricing/topology.ts --brokers 127.0.0.1:9092')}
    ${bold('README.md, ARCHITECTURE.md, deploy/guide')}
`)
process.exit(good ? 0 : 1)
