/** TLS and logins on a broker that wants them, and one clear message for each way to get them wrong. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import type { KafkaOptions, KafkaSasl } from '../../../libs/kafka/kafka-options.ts'
import { EngineRig, record, textOf } from '../../support/engine-rig.ts'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaTool } from '../../support/kafka-tool.ts'
import { faultOf, outgoing, ReaderProbe, values } from '../../support/log-probe.ts'
import type { SecuredBroker } from './secured-broker.ts'
import { PASSWORD, securedBroker, USER } from './secured-broker.ts'

const TOTALS = 'test/integration/engine/topologies/totals.ts'
const START_MS = 180_000
const WITHIN_MS = 60_000
let broker: SecuredBroker
beforeAll(async () => {
  broker = await securedBroker()
}, START_MS)
afterAll(() => broker.stop())

const login = (mechanism: KafkaSasl['mechanism'], password = PASSWORD): KafkaSasl => ({ mechanism, username: USER, password })

/** A transaction and what a reader sees of it: every kind of connection is used. */
async function transact(options: KafkaOptions): Promise<readonly (string | null)[]> {
  const log = kafkaLog({ unreachableAfterMs: 1_500, connectTimeoutMs: 1_000, ...options })
  try {
    const topic = `secured-${randomUUID()}`
    await log.admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, config: {} }])
    const producer = await log.openProducer(topic)
    await producer.send([{ topic, partition: 0, records: [outgoing('a')] }])
    await producer.sendPositions({ groupId: topic, memberId: '', generation: -1 }, [{ topic, partition: 0, position: 1, metadata: '' }])
    await producer.commit()
    await producer.close()
    const probe = new ReaderProbe(log, topic, 0, 0)
    await probe.untilEnd(log)
    await probe.reader.close()
    return values(probe.records)
  } finally {
    await log.close()
  }
}

describe('a broker that wants TLS or a login', () => {
  const right: readonly [name: string, options: (of: SecuredBroker) => KafkaOptions][] = [
    ['SASL PLAIN over TLS', ({ saslOverTls, caFile }) => ({ brokers: [saslOverTls], ssl: { caFile }, sasl: login('plain') })],
    ['TLS without verification', ({ saslOverTls }) => ({ brokers: [saslOverTls], ssl: { verify: false }, sasl: login('plain') })],
    ['a client certificate', ({ mutualTls, caFile, certFile, keyFile }) => ({ brokers: [mutualTls], ssl: { caFile, certFile, keyFile } })],
    ['SCRAM-SHA-256', ({ scram }) => ({ brokers: [scram], sasl: login('scram-sha-256') })],
    ['SCRAM-SHA-512', ({ scram }) => ({ brokers: [scram], sasl: login('scram-sha-512') })],
  ]
  it.each(right)('is worked with by %s', async (_name, options) => expect(await transact(options(broker))).toEqual(['a']), WITHIN_MS)

  const wrong: readonly [name: string, options: (of: SecuredBroker) => KafkaOptions, code: string, message: RegExp][] = [
    [
      'a wrong password',
      ({ scram }) => ({ brokers: [scram], sasl: login('scram-sha-512', 'wrong') }),
      'MR3022',
      /refuses the login of millrace by scram-sha-512/,
    ],
    [
      'a wrong password over TLS',
      ({ saslOverTls, caFile }) => ({ brokers: [saslOverTls], ssl: { caFile }, sasl: login('plain', 'wrong') }),
      'MR3022',
      /refuses the login of millrace by plain/,
    ],
    ['a mechanism that the listener has not', ({ scram }) => ({ brokers: [scram], sasl: login('plain') }), 'MR3022', /mechanism/],
    [
      'an unknown authority',
      ({ saslOverTls }) => ({ brokers: [saslOverTls], ssl: true, sasl: login('plain') }),
      'MR3020',
      /self-signed certificate/,
    ],
    ['no client certificate', ({ mutualTls, caFile }) => ({ brokers: [mutualTls], ssl: { caFile } }), 'MR3020', /certificate/],
    [
      'no TLS where it is wanted',
      ({ saslOverTls }) => ({ brokers: [saslOverTls], sasl: login('plain') }),
      'MR3020',
      /whether the listener wants TLS/,
    ],
    [
      'TLS where it is not wanted',
      ({ open, caFile }) => ({ brokers: [open], ssl: { caFile } }),
      'MR3020',
      /whether the listener wants TLS/,
    ],
  ]
  it.each(wrong)(
    'is not reached with %s, and one message says why; no password is in it',
    async (_name, options, code, message) => {
      const fault = await faultOf(transact(options(broker)))

      expect(fault).toMatchObject({ code, message: expect.stringMatching(message) })
      expect(JSON.stringify([fault.message, fault.place, String(fault.cause)])).not.toContain(PASSWORD)
    },
    WITHIN_MS,
  )

  it(
    'that ends sessions after a time is worked with beyond it, by reader and producer alike',
    async () => {
      const log = kafkaLog({ brokers: [broker.scram], sasl: login('scram-sha-512') })
      const topic = `sessions-${randomUUID()}`
      await log.admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, config: {} }])
      const probe = new ReaderProbe(log, topic, 0, 0)
      const producer = await log.openProducer(topic)
      const written: string[] = []
      // Two sessions of 12 s and a bit.
      for (const end = performance.now() + 26_000; performance.now() < end;) {
        const text = String(written.push(''))
        written[written.length - 1] = text
        await producer.send([{ topic, partition: 0, records: [outgoing(text)] }])
        await producer.commit()
      }

      await eventually(() => expect(probe.records).toHaveLength(written.length))
      expect(values(probe.records)).toEqual(written)
      expect(probe.faults).toEqual([])
      await log.close()
    },
    WITHIN_MS,
  )
})

describe('the right to write an output', () => {
  const acls = (...words: readonly string[]): Promise<string> => kafkaTool('org.apache.kafka.tools.AclCommand', [broker.open], ...words)

  it(
    'that is taken away while a worker runs ends it with a message that names topic and cure; when it is back nothing is lost or counted twice',
    async () => {
      const rig = await EngineRig.open({ brokers: [broker.open], module: TOTALS, topics: { amounts: 1, totals: 1 } })
      const start = (): EngineWorker =>
        rig.start({
          words: [
            `--brokers=${broker.scram}`,
            '--sasl-mechanism=scram-sha-512',
            `--sasl-username=${USER}`,
            '--sasl-password=env:BROKER_PASSWORD',
          ],
          environment: { BROKER_PASSWORD: PASSWORD },
        })
      const add = (): Promise<void> => rig.append('amounts', new Map([[0, [record('a', '1'), record('b', '2')]]]))
      try {
        const worker = start()
        await rig.running(worker, 1)
        await add()
        await rig.drained([[rig.topic('amounts'), 1]])
        const rule = ['--topic', rig.topic('totals'), '--operation', 'Describe', '--operation', 'Read', '--allow-principal', `User:${USER}`]
        await acls('--add', ...rule)
        await add()

        const { code } = await worker.ended
        expect(code).toBe(exitCodes.unreachable)
        const [line] = worker.lines.filter((one) => one['code'] === 'MR3024')
        expect(line?.msg).toContain(rig.topic('totals'))
        expect(line?.msg).toContain('Grant the right')
        expect(await rig.openTransactions()).toEqual([])

        await acls('--remove', '--force', ...rule)
        await rig.running(start(), 1)
        await rig.drained([[rig.topic('amounts'), 1]])
        await add()
        await rig.drained([[rig.topic('amounts'), 1]])
        expect((await rig.read(rig.topic('totals'))).map(({ key, value }) => `${textOf(key)} ${textOf(value)}`)).toEqual([
          'a 1',
          'b 2',
          'a 2',
          'b 4',
          'a 3',
          'b 6',
        ])
      } finally {
        await rig.close()
      }
    },
    START_MS,
  )
})
