import { describe, expect, it } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalogue, explain, suggestionsFor } from '../../../libs/faults/catalogue.ts'

const root = join(import.meta.dirname, '../../..')

/** Every code that stands as text in our sources, with the files that use it; the lists of entries themselves left out. */
function codesInUse(): ReadonlyMap<string, readonly string[]> {
  const used = new Map<string, string[]>()
  const sources = ['libs', 'services', 'deploy'].flatMap((part) =>
    readdirSync(join(root, part), { recursive: true, encoding: 'utf8' }).map((path) => join(part, path)),
  )
  for (const path of sources.filter((one) => /\.(ts|mjs)$/.test(one) && !/faults\/\w+-codes\.ts$/.test(one))) {
    for (const [code] of readFileSync(join(root, path), 'utf8').matchAll(/\bMR\d{4}\b/g)) used.set(code, [...(used.get(code) ?? []), path])
  }
  return used
}

describe('the error catalogue', () => {
  it('has every code once', () => {
    const codes = catalogue.map((entry) => entry.code)
    expect(codes.filter((code, index) => codes.indexOf(code) !== index)).toEqual([])
  })

  it('has an entry for every code that our sources use', () => {
    const missing = [...codesInUse()].filter(([code]) => explain(code) === undefined)
    expect(missing).toEqual([])
  })

  it('has no entry that our sources do not use', () => {
    const used = codesInUse()
    expect(catalogue.map((entry) => entry.code).filter((code) => !used.has(code))).toEqual([])
  })

  it('tells for every code what happened, what to do, and an example', () => {
    for (const entry of catalogue) {
      expect(entry.code).toMatch(/^MR[1-6]\d{3}$/)
      expect(entry.title.endsWith('.')).toBe(false)
      for (const text of [entry.title, entry.story, entry.cure, entry.example]) expect(text.trim().length).toBeGreaterThan(5)
    }
  })

  it('has every area file of libs/faults merged in', () => {
    const catalogueSource = readFileSync(join(root, 'libs/faults/catalogue.ts'), 'utf8')
    const files = readdirSync(join(root, 'libs/faults')).filter((name) => name.endsWith('-codes.ts'))
    expect(files.filter((name) => !catalogueSource.includes(`'./${name}'`))).toEqual([])
  })

  it.each(['MR2002', 'mr2002', ' 2002 '])('finds a code written as %j', (written) => {
    expect(explain(written)?.code).toBe('MR2002')
  })

  it('suggests the nearest code of the same area for an unknown one', () => {
    expect(suggestionsFor('MR2008')).toHaveLength(1)
    expect(suggestionsFor('MR2008')[0]).toMatch(/^MR200\d$/)
    expect(suggestionsFor('nonsense')).toEqual([])
  })
})
