/** The page of failures knows every code that an operator can meet, and no code or metric that does not exist. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { catalogue } from '../../../libs/faults/catalogue.ts'
import { metricDefinitions } from '../../../libs/telemetry/metric-definitions.ts'
import { root } from './markdown.ts'

const PAGE = 'deploy/guide/failures.md'
const page = readFileSync(join(root, PAGE), 'utf8')

/** Kafka, state, life of a task, records: what happens to a worker that runs. Topologies and settings are refused before, and say so themselves. */
const OPERATED = /^MR[3-6]/u
const named = new Set([...page.matchAll(/\bMR\d{4}\b/gu)].map(([code]) => code))
for (const [, from, to] of page.matchAll(/\bMR(\d{4}) to MR(\d{4})\b/gu)) {
  for (let code = Number(from); code <= Number(to); code += 1) named.add(`MR${code}`)
}

describe(PAGE, () => {
  it('names every code of Kafka, state, tasks and records: a new one needs a place there, with what was done and what to do', () => {
    const missing = catalogue.filter(({ code }) => OPERATED.test(code) && !named.has(code)).map(({ code, title }) => `${code} ${title}`)
    expect({ page: PAGE, missing }).toEqual({ page: PAGE, missing: [] })
  })

  it('names no code that does not exist', () => {
    const known = new Set<string>(catalogue.map(({ code }) => code))
    const written = [...page.matchAll(/\bMR\d{4}\b/gu)].map(([code]) => code)
    expect(written.filter((code) => !known.has(code))).toEqual([])
  })

  it('names no metric that does not exist', () => {
    const known = new Set<string>(metricDefinitions.map(({ name }) => name))
    const metrics = [...page.matchAll(/\bmillrace_[a-z_]+/gu)].map(([name]) => name)
    expect(metrics.filter((name) => !known.has(name))).toEqual([])
  })
})
