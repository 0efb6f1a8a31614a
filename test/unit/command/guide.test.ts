import { describe, expect, it } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { configurationPage } from '../../../libs/command/commands/config.ts'
import { errorsPage } from '../../../libs/command/commands/explain.ts'
import { commands } from '../../../libs/command/commands.ts'
import { exitCodeTexts } from '../../../libs/command/exit-codes.ts'
import { metricDefinitions } from '../../../libs/telemetry/metric-definitions.ts'

const guide = (name: string): string => readFileSync(join(import.meta.dirname, '../../../deploy/guide', name), 'utf8')

describe('the guide', () => {
  it('shows the settings as the table has them (millrace config --markdown > deploy/guide/configuration.md)', () => {
    expect(guide('configuration.md')).toBe(`${configurationPage()}\n`)
  })

  it('shows the error codes as the catalogue has them (millrace explain --markdown > deploy/guide/errors.md)', () => {
    expect(guide('errors.md')).toBe(`${errorsPage()}\n`)
  })

  it('names every command and every exit code on the page about operations', () => {
    const page = guide('operations.md')
    for (const { name } of commands) expect(page).toContain(`millrace ${name}`)
    for (const [code] of exitCodeTexts) expect(page).toMatch(new RegExp(`\\| [^|]*\\b${code}\\b`))
  })

  it('names no metric that does not exist', () => {
    const known = new Set<string>([...metricDefinitions.map(({ name }) => name), 'millrace_commit_duration_seconds'])
    const named = [...guide('operations.md').matchAll(/(?<![\w:])millrace_[a-z_]+/g)].map(([name]) => name)
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })
})
