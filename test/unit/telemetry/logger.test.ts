import { describe, expect, it } from '@jest/globals'
import { pino } from 'pino'
import { Fault } from '../../../libs/faults/fault.ts'
import { asText } from '../../../libs/telemetry/log-text.ts'
import { createLogger, type Logger, type LoggerOptions } from '../../../libs/telemetry/logger.ts'

function written(options: LoggerOptions, use: (logger: Logger) => void): string[] {
  const lines: string[] = []
  use(createLogger({ destination: { write: (line) => void lines.push(line) }, ...options }))
  return lines
}

describe('the log', () => {
  it('is one JSON object for each line, with level, time, message and fields', () => {
    const [line = ''] = written({ fields: { application: 'surge' } }, (logger) =>
      logger.child({ task: 'rides.0' }).info({ lag: 3 }, 'caught up'),
    )
    expect(JSON.parse(line)).toEqual({
      level: 'info',
      time: expect.any(String),
      application: 'surge',
      task: 'rides.0',
      lag: 3,
      msg: 'caught up',
    })
  })

  it('leaves out lines below its level', () => {
    expect(written({ level: 'warn' }, (logger) => logger.info({}, 'quiet'))).toEqual([])
  })

  it('tells of a fault its code, action, place and causes', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const fault = new Fault('MR3020', 'retry', 'no broker can be reached', { place: { at: 'brokers' }, cause })
    const [line = ''] = written({}, (logger) => logger.error({ err: fault }, 'not connected'))
    expect(JSON.parse(line)).toMatchObject({
      err: {
        code: 'MR3020',
        action: 'retry',
        place: { at: 'brokers' },
        message: 'no broker can be reached',
        cause: { code: 'ECONNREFUSED' },
      },
    })
  })

  it('prints no field with the name of a secret, at the top or below', () => {
    const [line = ''] = written({}, (logger) =>
      logger.info({ password: 'hunter2', sasl: { password: 'hunter2' }, a: { headers: { authorization: 'hunter2' } } }, 'x'),
    )
    expect(line).not.toContain('hunter2')
  })

  it('prints no registered secret, wherever it stands', () => {
    const [line = ''] = written({ secrets: ['hunter2', 'pa"ss'] }, (logger) =>
      logger.warn({ url: 'kafka://u:hunter2@b:1', deep: { odd: 'pa"ss' } }, 'login hunter2 failed'),
    )
    expect(line).not.toContain('hunter2')
    expect(line).not.toContain('pa\\"ss')
    expect(JSON.parse(line)).toMatchObject({ msg: 'login [secret] failed' })
  })

  it('uses the instance of the host when it gives one', () => {
    const lines: string[] = []
    const instance = pino({ level: 'debug', base: { host: 'app' } }, { write: (line: string) => void lines.push(line) })
    createLogger({ instance, fields: { application: 'surge' } }).debug({}, 'hello')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ host: 'app', application: 'surge', msg: 'hello' })
  })
})

describe('the log as text', () => {
  const line = JSON.stringify({ level: 'warn', time: '2026-01-01T12:04:05.123Z', msg: 'behind', task: 'rides.0', note: 'two words' })

  it('shows time, level, message and fields in one line', () => {
    expect(asText(line, false)).toBe('12:04:05.123 warn  behind task=rides.0 note="two words"\n')
  })

  it('shows a fault by its code, message and causes, and any other error by its stack', () => {
    const shown = (err: unknown): string => {
      const [line = ''] = written({}, (logger) => logger.error({ err }, 'x'))
      return asText(line, false)
    }
    const fault = shown(new Fault('MR3020', 'retry', 'no broker', { cause: new Error('refused') }))
    expect(fault).toContain('MR3020: no broker')
    expect(fault).toMatch(/because of\n +Error: refused/)
    expect(fault).not.toContain(' at ')
    expect(shown(new TypeError('odd'))).toMatch(/TypeError: odd\n +at /)
  })

  it('passes on what is no JSON', () => {
    expect(asText('plain\n', false)).toBe('plain\n')
  })
})
