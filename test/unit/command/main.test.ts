import { describe, expect, it } from '@jest/globals'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodeOf, exitCodes } from '../../../libs/command/exit-codes.ts'
import { Fault } from '../../../libs/faults/fault.ts'
import { settingKeys } from '../../../libs/runtime/settings/settings.ts'
import { millrace } from './terminal.ts'

describe('the command line', () => {
  it.each([[], ['--help'], ['-h'], ['help']])('without a command or with %j shows all commands and exit codes', async (...words) => {
    const { code, out } = await millrace(words)
    expect(code).toBe(exitCodes.ok)
    for (const part of ['run', 'topics', 'doctor', 'explain', 'Exit codes', '143']) expect(out).toContain(part)
  })

  it.each(['run', 'topology', 'topics', 'status', 'doctor', 'load', 'explain', 'config', 'version', 'completion'])(
    'millrace %s --help shows its usage and flags',
    async (name) => {
      const { code, out } = await millrace([name, '--help'])
      expect(code).toBe(exitCodes.ok)
      expect(out.split('\n')[0]).toMatch(new RegExp(`^millrace ${name}`))
      expect(out).toContain('--json')
      expect(await millrace(['help', name])).toEqual({ code, out, err: '' })
    },
  )

  it('shows every setting in the help of run, with its default and variable', async () => {
    const { out } = await millrace(['run', '--help'])
    expect(out).toContain('--commit-interval-ms')
    expect(out).toContain('MILLRACE_COMMIT_INTERVAL_MS')
    expect(out.match(/^ {2}--/gm)?.length).toBeGreaterThanOrEqual(settingKeys.length)
  })

  it.each([
    [['statsu'], 'Did you mean status?'],
    [['run', 'x.ts', '--broker', 'a:1'], 'Did you mean --brokers?'],
    [['status', '--commit-interval-ms', '5'], 'a setting that this command does not use'],
    [['run'], 'an argument is missing: millrace run <module>'],
    [['version', 'now'], 'one argument too many'],
    [['load', 'x.json', '--topic'], '--topic needs a value'],
  ])('%j is refused with exit code 2 and a hint', async (words, hint) => {
    const { code, out, err } = await millrace(words)
    expect([code, out]).toEqual([exitCodes.usage, ''])
    expect(err).toContain('MR2010')
    expect(err).toContain(hint)
  })

  it('with --json tells errors as JSON on standard error', async () => {
    const { code, err } = await millrace(['explain', 'MR9999', '--json'])
    expect(code).toBe(exitCodes.failed)
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'MR2060', message: expect.stringContaining('MR9999') } })
  })

  it('says where to give the brokers when there are none', async () => {
    const { code, err } = await millrace(['load', 'vega-datasets/data/cars.json', '--topic', 'cars'], { world: 'real' })
    expect(code).toBe(exitCodes.usage)
    for (const part of ['MR2004', '--brokers', 'MILLRACE_BROKERS', 'millrace.config.ts']) expect(err).toContain(part)
  })
})

describe('millrace explain', () => {
  it('tells title, story, cure and example of a code', async () => {
    const { code, out } = await millrace(['explain', '2005'])
    expect(code).toBe(exitCodes.ok)
    for (const part of ['MR2005', 'What happened', 'What to do', 'chmod 600', 'Example']) expect(out).toContain(part)
  })

  it('lists all codes, as JSON too', async () => {
    expect((await millrace(['explain'])).out).toContain('MR3001')
    expect(JSON.parse((await millrace(['explain', '--json'])).out)).toContainEqual(expect.objectContaining({ code: 'MR2002' }))
  })

  it('suggests the nearest code for an unknown one', async () => {
    const { code, err } = await millrace(['explain', 'MR2009'])
    expect(code).toBe(exitCodes.failed)
    expect(err).toMatch(/Did you mean MR200\d\?/)
  })
})

describe('millrace config', () => {
  it('lists every setting', async () => {
    const { out } = await millrace(['config'])
    for (const key of settingKeys) expect(out).toContain(key)
    expect(JSON.parse((await millrace(['config', '--json'])).out)).toHaveLength(settingKeys.length)
  })

  it('shows the values in force, from a file, a variable and a flag, without secrets', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'))
    writeFileSync(join(directory, 'millrace.config.json'), JSON.stringify({ commitIntervalMs: '1s', adminToken: 'env:TOKEN', workers: 2 }))
    const environment = { TOKEN: 'hunter2', MILLRACE_WORKERS: '3' }
    const { code, out } = await millrace(['config', '--effective', '--json', '--admin-port', '0'], { directory, environment })
    expect(code).toBe(exitCodes.ok)
    expect(JSON.parse(out)).toMatchObject({ commitIntervalMs: 1_000, workers: 3, adminPort: 0, adminToken: '[secret]' })
    expect(out).not.toContain('hunter2')
  })

  it('reads a TypeScript file by its default export', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'))
    writeFileSync(join(directory, 'millrace.config.ts'), 'export default { clientId: "rides" as string }')
    expect(JSON.parse((await millrace(['config', '--effective', '--json'], { directory })).out)).toMatchObject({ clientId: 'rides' })
  })

  it.each([
    ['none.json', undefined, 'MR2001', 'no such file'],
    ['bad.json', '{', 'MR2001', 'cannot read the configuration file bad.json'],
    ['list.json', '[]', 'MR2001', 'one object of settings'],
    ['typo.json', '{"broker":"a:1"}', 'MR2002', 'Did you mean brokers?'],
  ])('refuses the file %s', async (name, text, faultCode, hint) => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'))
    if (text !== undefined) writeFileSync(join(directory, name), text)
    const { code, err } = await millrace(['config', '--effective', '--config', name], { directory })
    expect(code).toBe(exitCodes.usage)
    expect(err).toContain(faultCode)
    expect(err).toContain(hint)
  })

  it('refuses a secret file that every user can read', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'))
    writeFileSync(join(directory, 'token'), 'hunter2', { mode: 0o644 })
    const open = await millrace(['config', '--effective', '--admin-token', 'file:token'], { directory })
    expect([open.code, open.err.includes('chmod 600'), open.err.includes('hunter2')]).toEqual([exitCodes.usage, true, false])
    writeFileSync(join(directory, 'closed'), 'hunter2\n', { mode: 0o600 })
    expect((await millrace(['config', '--effective', '--admin-token', 'file:closed'], { directory })).code).toBe(exitCodes.ok)
  })
})

describe('millrace version and completion', () => {
  it('tell the versions', async () => {
    expect(JSON.parse((await millrace(['version', '--json'])).out)).toMatchObject({
      millrace: expect.any(String),
      node: process.versions.node,
      kafkajs: '2.2.4',
    })
    expect((await millrace(['--version'])).out).toContain('millrace ')
  })

  it('print a script that completes commands and flags', async () => {
    const { out } = await millrace(['completion'])
    for (const part of ['complete -o filenames -F _millrace millrace', 'topics) words="check create', '--commit-interval-ms'])
      expect(out).toContain(part)
  })
})

describe('exit codes', () => {
  it.each([
    ['MR1001', exitCodes.topology],
    ['MR2003', exitCodes.usage],
    ['MR2012', exitCodes.topology],
    ['MR2021', exitCodes.failed],
    ['MR3020', exitCodes.unreachable],
    ['MR4001', exitCodes.fault],
    ['MR5008', exitCodes.topology],
    ['MR5022', exitCodes.fault],
  ] as const)('%s ends with %d', (code, exit) => {
    expect(exitCodeOf(new Fault(code, 'stop', 'x'))).toBe(exit)
  })
})
