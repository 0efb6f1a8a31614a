import { describe, expect, it } from '@jest/globals'
import { kafkaOptions } from '../../../libs/command/kafka-connection.ts'
import { resolveSettings } from '../../../libs/runtime/settings/configuration.ts'
import type { Configuration } from '../../../libs/runtime/settings/settings.ts'

const options = (values: Configuration): ReturnType<typeof kafkaOptions> =>
  kafkaOptions(resolveSettings({ file: { path: 'millrace.config.ts', values }, readSecret: () => 'hunter2' }))

describe('the connection to Kafka', () => {
  it('is plain when nothing is said', () => {
    expect(options({ brokers: ['a:1'], clientId: 'rides' })).toEqual({
      brokers: ['a:1'],
      clientId: 'rides',
      compression: 'none',
      ssl: undefined,
      sasl: undefined,
    })
  })

  it('writes compressed as the setting says', () => {
    expect(options({ brokers: ['a:1'], compression: 'zstd' }).compression).toBe('zstd')
  })

  it('has TLS with the files of the settings, and verifies', () => {
    const { ssl } = options({ brokers: ['a:1'], tlsCa: 'ca.pem', tlsCert: 'cert.pem', tlsKey: 'file:key.pem' })
    expect(ssl).toEqual({ caFile: 'ca.pem', certFile: 'cert.pem', keyFile: 'key.pem' })
  })

  it('logs in with the secret behind the reference', () => {
    const { sasl } = options({ brokers: ['a:1'], saslMechanism: 'scram-sha-512', saslUsername: 'ann', saslPassword: 'env:P' })
    expect(sasl).toEqual({ mechanism: 'scram-sha-512', username: 'ann', password: 'hunter2' })
  })
})
