import { describe, expect, it } from '@jest/globals'
import { inspect } from 'node:util'
import { Fault } from '../../../libs/faults/fault.ts'
import { configuration, resolveSettings, type ConfigurationSources } from '../../../libs/runtime/settings/configuration.ts'
import { flagOf, settingKeys, settingTable, variableOf } from '../../../libs/runtime/settings/settings.ts'

const resolve = (sources: Partial<ConfigurationSources>): ReturnType<typeof resolveSettings> =>
  resolveSettings({ readSecret: () => 'hunter2', ...sources })

function faultOf(sources: Partial<ConfigurationSources>): Fault {
  try {
    resolve(sources)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('was accepted')
}

const file = (values: unknown): { readonly file: ConfigurationSources['file'] } => ({ file: { path: 'millrace.config.ts', values } })

describe('settings', () => {
  it('have their defaults when no source says anything', () => {
    const settings = resolve({})
    for (const key of settingKeys) expect(settings[key]).toEqual(settingTable[key].default)
    expect(settings).toMatchObject({
      commitIntervalMs: 100,
      transactionTimeoutMs: 10_000,
      adminHost: '127.0.0.1',
      adminPort: 9464,
      replicationFactor: -1,
    })
  })

  it('have defaults that pass their own checks', () => {
    for (const key of settingKeys) {
      const { default: value, parse } = settingTable[key]
      if (value !== undefined && !Array.isArray(value)) expect(parse(value)).toEqual({ ok: true, value })
    }
  })

  it('come from flags before environment before file before default', () => {
    const all = { flags: { commitIntervalMs: '1' }, environment: { MILLRACE_COMMIT_INTERVAL_MS: '2' }, ...file({ commitIntervalMs: 3 }) }
    expect(resolve(all).commitIntervalMs).toBe(1)
    expect(resolve({ ...all, flags: {} }).commitIntervalMs).toBe(2)
    expect(resolve(file({ commitIntervalMs: 3 })).commitIntervalMs).toBe(3)
  })

  it('take brokers from KAFKA_BROKERS unless MILLRACE_BROKERS is set', () => {
    expect(resolve({ environment: { KAFKA_BROKERS: 'a:1' } }).brokers).toEqual(['a:1'])
    expect(resolve({ environment: { KAFKA_BROKERS: 'a:1', MILLRACE_BROKERS: 'b:2, c:3' } }).brokers).toEqual(['b:2', 'c:3'])
  })

  it.each([
    ['10s', 10_000],
    ['500ms', 500],
    ['1m', 60_000],
    ['0.5 s', 500],
    [250, 250],
  ])('read %j as a duration', (raw, milliseconds) => {
    expect(resolve(file({ commitIntervalMs: raw, transactionTimeoutMs: '5m', restoreStallMs: '10m' })).commitIntervalMs).toBe(milliseconds)
  })

  it.each([
    ['64MiB', 67_108_864],
    ['1GB', 1_000_000_000],
    [33_554_432, 33_554_432],
  ])('read %j as a size', (raw, bytes) => {
    expect(resolve(file({ stateMemoryBytes: raw, memoryBytes: '4GiB' })).stateMemoryBytes).toBe(bytes)
  })

  it.each([
    ['latest', 'latest'],
    ['2024-01-01T00:00:00Z', 1_704_067_200_000],
    ['1704067200000', 1_704_067_200_000],
  ])('read %j as a start', (raw, expected) => {
    expect(resolve({ flags: { startAt: raw } }).startAt).toBe(expected)
  })

  it('turn TLS on by themselves when a certificate authority is named', () => {
    expect(resolve(file({ tlsCa: 'ca.pem' })).tls).toBe(true)
  })

  it('leave alone what Kubernetes makes of a service called millrace', () => {
    const environment = {
      MILLRACE_SERVICE_HOST: '10.0.0.1',
      MILLRACE_SERVICE_PORT_HTTP: '80',
      MILLRACE_PORT: 'tcp://10.0.0.1:80',
      MILLRACE_PORT_80_TCP_ADDR: '10.0.0.1',
      MILLRACE_ADMIN_PORT: 'tcp://10.0.0.2:9464',
    }
    expect(resolve({ environment }).adminPort).toBe(9464)
  })
})

describe('wrong settings', () => {
  it.each([
    ['an unknown key', file({ comitIntervalMs: 1 }), 'MR2002', 'Did you mean commitIntervalMs?'],
    ['an unknown variable', { environment: { MILLRACE_BROKER: 'a:1' } }, 'MR2002', 'Did you mean MILLRACE_BROKERS?'],
    ['a word for a number', { flags: { commitIntervalMs: 'fast' } }, 'MR2003', '--commit-interval-ms must be a duration'],
    ['a number outside of its bounds', { environment: { MILLRACE_ADMIN_PORT: '70000' } }, 'MR2003', 'at most 65535'],
    ['a broker without a port', { flags: { brokers: 'kafka' } }, 'MR2003', 'host:port'],
    ['a choice that is none', file({ onSkip: 'ignore' }), 'MR2003', 'one of stop, accept'],
    ['no object', file('brokers'), 'MR2001', 'one object of settings'],
    ['heartbeats that are too rare', file({ heartbeatIntervalMs: 5_000 }), 'MR2006', 'a third of sessionTimeoutMs'],
    ['state that leaves no memory for the rest', file({ stateMemoryBytes: '600MiB' }), 'MR2006', 'more than half of memoryBytes'],
    ['half of a pair', file({ tlsCert: 'cert.pem' }), 'MR2006', 'tlsCert and tlsKey belong together'],
    ['a mechanism without user', file({ saslMechanism: 'scram-sha-512' }), 'MR2006', 'needs saslUsername and saslPassword'],
    [
      'a password in clear text on the wire',
      file({ saslMechanism: 'plain', saslUsername: 'u', saslPassword: 'env:P' }),
      'MR2007',
      'clear text',
    ],
  ] as const)('%s: is refused with what to do', (_what, sources, code, text) => {
    const fault = faultOf(sources)
    expect([fault.code, fault.action]).toEqual([code, 'stop'])
    expect(fault.message).toContain(text)
  })

  it('are reported all at once', () => {
    const { message } = faultOf({ flags: { workers: 'x' }, ...file({ comitIntervalMs: 1, adminPort: -1 }) })
    expect(message).toContain('3 settings are wrong')
    for (const part of ['--workers', 'comitIntervalMs', 'adminPort']) expect(message).toContain(part)
  })
})

describe('secrets', () => {
  it('are given by reference and read when the settings are resolved', () => {
    const { adminToken } = resolve(file(configuration({ adminToken: 'env:TOKEN' })))
    expect(adminToken?.reveal()).toBe('hunter2')
  })

  it('never print', () => {
    const settings = resolve({ flags: { saslPassword: 'file:/run/secret', saslMechanism: 'scram-sha-512', saslUsername: 'u' } })
    for (const text of [JSON.stringify(settings), inspect(settings), String(settings.saslPassword)]) expect(text).not.toContain('hunter2')
  })

  it('given as themselves are refused without being shown', () => {
    const { code, message } = faultOf({ environment: { MILLRACE_ADMIN_TOKEN: 'hunter2' } })
    expect(code).toBe('MR2005')
    expect(message).toContain('env:NAME')
    expect(message).not.toContain('hunter2')
  })

  it('that cannot be read say where they were looked for', () => {
    const readSecret = (): string => {
      throw new Error('there is no such file')
    }
    expect(faultOf({ readSecret, ...file({ adminToken: 'file:/nowhere' }) }).message).toContain('file:/nowhere: there is no such file')
  })
})

describe('the table', () => {
  it('gives each setting one name in three spellings', () => {
    expect([flagOf('commitIntervalMs'), variableOf('commitIntervalMs')]).toEqual(['commit-interval-ms', 'MILLRACE_COMMIT_INTERVAL_MS'])
  })

  it('says for each setting what it decides and what it costs', () => {
    for (const key of settingKeys) {
      const { meaning, cost } = settingTable[key]
      expect(meaning).toMatch(/\.$/)
      expect(cost).toMatch(/\.$/)
    }
  })

  it('puts the unit at the end of the name', () => {
    for (const key of settingKeys) {
      const { unit } = settingTable[key]
      if (unit === 'ms') expect(key).toMatch(/Ms$/)
      if (unit === 'bytes') expect(key).toMatch(/Bytes(Max)?$/)
    }
  })
})
