/**
 * The command behind `make kafka-up` and `make kafka-down`:
 *
 *   node deploy/local-kafka/local-kafka.ts up [--brokers 1|3] [--port 9092] [--dir .millrace/kafka]
 *   node deploy/local-kafka/local-kafka.ts down [--keep-data] [--dir ...]
 *   node deploy/local-kafka/local-kafka.ts status [--dir ...]
 *
 * Exit code 0: done (status: it runs); 1: failed, with one message (status: it does not run); 2: the command line was not understood.
 */
import { parseArgs } from 'node:util'
import { clusterReady } from './cluster-probe.ts'
import { composeAnswers, composeDown } from './docker-engine.ts'
import { addressesOf, readLocalCluster, stopLocalCluster } from './local-cluster.ts'
import { givenBrokers, kafkaDirDefault, kafkaPortDefault, startKafka } from './start-kafka.ts'

interface Words {
  readonly action: string
  readonly brokers: 1 | 3
  readonly port: number
  readonly dir: string
  readonly keepData: boolean
}

const usage = 'usage: local-kafka up|down|status [--brokers 1|3] [--port 9092] [--dir .millrace/kafka] [--keep-data]'

function readWords(): Words {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      brokers: { type: 'string', default: '1' },
      port: { type: 'string', default: String(kafkaPortDefault) },
      dir: { type: 'string', default: kafkaDirDefault },
      'keep-data': { type: 'boolean', default: false },
    },
  })
  const port = Number(values.port)
  if (positionals.length !== 1 || !['1', '3'].includes(values.brokers) || !Number.isInteger(port) || port < 0 || port > 65_000)
    throw new Error(usage)
  return { action: positionals[0] ?? '', brokers: values.brokers === '3' ? 3 : 1, port, dir: values.dir, keepData: values['keep-data'] }
}

async function up(words: Words): Promise<number> {
  const kafka = await startKafka({ brokers: words.brokers, port: words.port, dir: words.dir, log: say })
  say(`Kafka is ready at ${kafka.brokers.join(',')}${kafka.home === 'given' ? ' (KAFKA_BROKERS)' : `; "make kafka-down" ends it`}`)
  return 0
}

async function down(words: Words): Promise<number> {
  if (givenBrokers() !== undefined) say('KAFKA_BROKERS is set: that Kafka is not ours and stays')
  if (await stopLocalCluster(words.dir, { keepData: words.keepData })) say(`Kafka in ${words.dir} has ended`)
  else if (await composeAnswers()) await composeDown()
  else say('no Kafka of this repository runs')
  return 0
}

async function status(words: Words): Promise<number> {
  const cluster = readLocalCluster(words.dir)
  const addresses = givenBrokers() ?? (cluster === undefined ? [`127.0.0.1:${words.port}`] : addressesOf(cluster))
  try {
    const view = await clusterReady(addresses, 1, 0)
    say(
      `Kafka answers at ${view.brokers.map((broker) => `${broker.address} (broker ${broker.id})`).join(', ')}; controller ${view.controllerId}`,
    )
    return 0
  } catch (error) {
    say(`no Kafka: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<number> {
  let words: Words
  try {
    words = readWords()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  const actions: Readonly<Record<string, (words: Words) => Promise<number>>> = { up, down, status }
  const action = actions[words.action]
  if (action === undefined) {
    process.stderr.write(`${usage}\n`)
    return 2
  }
  return action(words)
}

if (import.meta.main) {
  main().then(
    (code) => {
      process.exitCode = code
    },
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
      process.exitCode = 1
    },
  )
}
