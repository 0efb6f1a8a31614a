/** The parts of the verifier that decide. That it fails on a real application where it must: test/integration/proof/verifier.test.ts. */
import { describe, expect, it } from '@jest/globals'
import type { Check } from '../../support/proof/check.ts'
import { check } from '../../support/proof/check.ts'
import type { SeenRecord } from '../../support/proof/independent-reader.ts'
import { outputChecks } from '../../support/proof/output-checks.ts'
import type { Outputs } from '../../support/proof/output-checks.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const seen = (topic: string, offset: number, key: string, value: string, headers: SeenRecord['headers'] = []): SeenRecord => ({
  topic,
  partition: 0,
  offset,
  key: base64(key),
  value: base64(value),
  headers,
})
const order = (offset: number, id: number): SeenRecord =>
  seen('orders', offset, 'a', JSON.stringify({ id, region: 'north', at: 1_000 * offset }))
const garbage = seen('orders', 2, 'a', '{"id":')
const letter = seen('dead-letters', 0, 'a', '{"id":', [
  ['__streams.errors.topic', base64('orders')],
  ['__streams.errors.partition', base64('0')],
  ['__streams.errors.offset', base64('2')],
])
const nothing: Outputs = { orders: [], chains: [], regions: [], windows: [], deadLetters: [] }

function the(start: string, outputs: Outputs): Check | undefined {
  return outputChecks(outputs).checks.find(({ name }) => name.startsWith(start))
}

describe('a check', () => {
  it('fails when it has compared nothing', () => {
    expect(check('V0', 0, [])).toEqual({ name: 'V0', passed: false, note: 'nothing was compared (0)' })
    expect(check('V0', 1, [], 'records')).toEqual({ name: 'V0', passed: true, note: '1 records' })
  })

  it('fails on an application that has done nothing, whichever it is', () => {
    expect(outputChecks(nothing).checks.filter(({ passed }) => passed)).toEqual([])
  })
})

describe('V1', () => {
  it('finds an id that two input records carry', () => {
    expect(the('V1', { ...nothing, orders: [order(0, 7), order(1, 8)] })?.passed).toBe(true)
    expect(the('V1', { ...nothing, orders: [order(0, 7), order(1, 7)] })?.note).toContain('id 0:7 twice')
  })
})

describe('P5', () => {
  const outputs: Outputs = { ...nothing, orders: [order(0, 1), order(1, 2), garbage], deadLetters: [letter] }
  const chained = (n: number): SeenRecord =>
    seen('chains', n, 'a', JSON.stringify({ kind: 'order', id: n, region: 'north', at: 0, n, hash: '' }))
  const chains = [chained(1), chained(2)]

  it('adds processed and refused records up to what was read', () => {
    expect(the('P5', { ...outputs, chains })).toEqual({
      name: 'P5 processed + refused = read',
      passed: true,
      note: '3 read, 2 processed, 1 refused',
    })
    expect(the('P5', { ...outputs, chains: [chained(1)] })?.passed).toBe(false)
  })

  it.each<[string, readonly SeenRecord[], string]>([
    ['is missing', [], 'is garbage and has 0 dead letters'],
    ['is there twice', [letter, letter], 'is garbage and has 2 dead letters'],
    ['has other bytes', [{ ...letter, value: base64('{}') }], 'has other bytes'],
    ['is of no garbage', [letter, { ...letter, headers: [] }], 'is in the dead letters and no garbage'],
  ])('finds a dead letter that %s', (_what, deadLetters, says) => {
    expect(the('P5', { ...outputs, chains, deadLetters })?.note).toContain(says)
  })
})
