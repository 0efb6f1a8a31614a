import { describe, expect, it } from '@jest/globals'
import { addressText, kafkaSettings } from '../../../libs/kafka/kafka-options.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'

const refused = (options: Parameters<typeof kafkaSettings>[0]): string => {
  try {
    kafkaSettings(options)
  } catch (error) {
    expect(error).toMatchObject({ name: 'Fault', code: 'MR3025', action: 'stop' })
    return error instanceof Error ? error.message : ''
  }
  throw new Error('nothing was refused')
}

describe('the options of a Kafka connection', () => {
  it('are refused with the name of the one that makes no sense', () => {
    expect(refused({ brokers: [] })).toContain('brokers')
    expect(refused({ brokers: ['localhost'] })).toContain('"localhost", which is not host:port')
    expect(refused({ brokers: ['localhost:99999'] })).toContain('localhost:99999')
    expect(refused({ brokers: ['a:1'], requestTimeoutMs: 0 })).toContain('requestTimeoutMs')
    expect(refused({ brokers: ['a:1'], ssl: { caFile: '/nowhere/ca.pem' } })).toContain('ssl.caFile cannot be read')
    expect(refused({ brokers: ['a:1'], ssl: { certFile: '/nowhere/cert.pem' } })).toContain('certFile and keyFile')
  })

  it('take names, IPv4 and IPv6 addresses', () => {
    const { seeds } = kafkaSettings({ brokers: ['kafka-1.local:9092', '10.0.0.1:1', ' [::1]:9093 '] })
    expect(seeds).toEqual([
      { host: 'kafka-1.local', port: 9092 },
      { host: '10.0.0.1', port: 1 },
      { host: '::1', port: 9093 },
    ])
    expect(seeds.map(addressText)).toEqual(['kafka-1.local:9092', '10.0.0.1:1', '[::1]:9093'])
  })

  it('lead to one clear message when no broker answers', async () => {
    const log = kafkaLog({ brokers: ['127.0.0.1:1'], unreachableAfterMs: 300 })

    await expect(log.admin.listTopics()).rejects.toMatchObject({
      code: 'MR3020',
      message: expect.stringMatching(/^no broker answers at 127\.0\.0\.1:1 \(after 300 ms; last: .*ECONNREFUSED/),
    })
    await log.close()
    await expect(log.admin.listTopics()).rejects.toMatchObject({ code: 'MR3012' })
  })
})
