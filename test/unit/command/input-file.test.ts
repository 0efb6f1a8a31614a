import { describe, expect, it } from '@jest/globals'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findInputFile, parseRecords, parseTime, readRecords } from '../../../libs/command/input-file.ts'

const at = (text: string): number => Date.parse(text)

function fileWith(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'in.json')
  writeFileSync(path, text)
  return path
}

describe('a file to load', () => {
  it.each([
    ['an array', '[{"a":1},{"a":2}]'],
    ['lines', '{"a":1}\n\n{"a":2}\n'],
    ['lines with a byte order mark and Windows line ends', '\uFEFF{"a":1}\r\n{"a":2}\r\n'],
  ])('is %s of JSON objects', (_what, text) => {
    expect(parseRecords(text, 'in.json').map(({ text: line }) => line)).toEqual(['{"a":1}', '{"a":2}'])
  })

  it.each([
    ['{"a":1}\n{"a":', 'in.json line 2 is no JSON'],
    ['[1]', 'record 1 of in.json is no object: 1'],
    ['[{"a":1}', 'in.json is no JSON'],
  ])('%j is refused with its place', (text, message) => {
    expect(() => parseRecords(text, 'in.json')).toThrow(message)
  })

  it('is written in order of time, records of the same time in the order of the file', () => {
    const path = fileWith('[{"t":20,"id":"b"},{"t":10,"id":"a"},{"t":20,"id":"c"}]')
    expect(readRecords(path, 'in.json', { key: 'id', time: 't' }).map(({ key, time }) => [key, time])).toEqual([
      ['a', 10],
      ['b', 20],
      ['c', 20],
    ])
  })

  it('keeps its order when no field of time is named', () => {
    expect(readRecords(fileWith('[{"t":2},{"t":1}]'), 'in.json', { key: undefined, time: undefined }).map(({ value }) => value)).toEqual([
      '{"t":2}',
      '{"t":1}',
    ])
  })

  it('may have its key in a nested field, or in a field whose name has a dot', () => {
    const path = fileWith('[{"a":{"b":7},"t":0},{"a.b":true,"t":1}]')
    expect(readRecords(path, 'in.json', { key: 'a.b', time: 't' }).map(({ key }) => key)).toEqual(['7', 'true'])
  })

  it('without the field is refused, and the nearest field suggested', () => {
    const path = fileWith('[{"origin":"SFO"}]')
    expect(() => readRecords(path, 'flights.json', { key: 'orign', time: undefined })).toThrow(
      'record 1 of flights.json has no field "orign" for --key. Did you mean origin?',
    )
  })

  it('with a key that is no plain value is refused', () => {
    expect(() => readRecords(fileWith('[{"k":null}]'), 'in.json', { key: 'k', time: undefined })).toThrow('field "k" for --key is null')
  })

  it('is found in an installed package too', () => {
    expect(findInputFile('vega-datasets/data/flights-20k.json', tmpdir())).toMatch(/node_modules\/vega-datasets\/data\/flights-20k\.json$/)
    expect(() => findInputFile('vega-datasets/data/none.json', tmpdir())).toThrow('there is no file')
  })
})

describe('times in a file', () => {
  it.each([
    ['2001/01/14 21:55', '2001-01-14T21:55:00Z'],
    ['2001-01-14', '2001-01-14T00:00:00Z'],
    ['2001-01-14T21:55:30.250Z', '2001-01-14T21:55:30.250Z'],
    ['2001-01-14 21:55:30.25', '2001-01-14T21:55:30.250Z'],
    ['2001-01-14T21:55:30+02:00', '2001-01-14T21:55:30+02:00'],
    ['2001-01-14T21:55:30-0330', '2001-01-14T21:55:30-03:30'],
  ])('%s is %s: without a zone it is UTC on every machine', (text, same) => {
    expect(parseTime(text)).toBe(at(same))
  })

  it.each(['yesterday', '2001-02-30', '2001-13-01', '14.01.2001', '2001-01-14 25:00'])('%s is refused', (text) => {
    expect(parseTime(text)).toBeNaN()
  })
})
