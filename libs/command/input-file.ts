/**
 * Records to load from a JSON file: an array, or one object for each line. Parsing and choosing of key and time are pure.
 */
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { Fault } from '../faults/fault.ts'
import { didYouMean } from '../faults/suggest.ts'

/** A whole file is read into memory to be put in order of time. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024

export interface FileRecord {
  readonly key: string | null
  /** As in the file for lines, else written again. */
  readonly value: string
  /** Epoch milliseconds; undefined: the time of loading. */
  readonly time: number | undefined
}

/** Finds the file in the directory, else in an installed package (`vega-datasets/data/flights-20k.json`). */
export function findInputFile(name: string, directory: string): string {
  const path = resolve(directory, name)
  const found = [path, packageFile(name, directory)].find(
    (one) => one !== undefined && statSync(one, { throwIfNoEntry: false })?.isFile() === true,
  )
  if (found === undefined) throw new Fault('MR2040', 'stop', `there is no file ${name} in ${directory}, and no installed package has it`)
  const { size } = statSync(found)
  if (size > FILE_BYTES_MAX)
    throw new Fault('MR2040', 'stop', `${name} has ${size} bytes; at most ${FILE_BYTES_MAX} are read at once. Split it.`)
  return found
}

function packageFile(name: string, directory: string): string | undefined {
  const parts = name.split('/')
  const rest = parts.splice(name.startsWith('@') ? 2 : 1)
  const require = createRequire(join(directory, 'package.json'))
  const places = [
    ...(require.resolve.paths(parts.join('/')) ?? []),
    ...(createRequire(import.meta.url).resolve.paths(parts.join('/')) ?? []),
  ]
  return places.map((place) => join(place, ...parts, ...rest)).find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
}

export interface FieldChoice {
  readonly key: string | undefined
  readonly time: string | undefined
}

/** In order of time when a time field is given; records of equal time keep their order. */
export function readRecords(path: string, name: string, fields: FieldChoice): FileRecord[] {
  const records = parseRecords(readFileSync(path, 'utf8'), name).map(({ text, value }, index) => {
    const place = `record ${index + 1} of ${name}`
    return {
      key: fields.key === undefined ? null : keyOf(value, fields.key, place),
      value: text,
      time: fields.time === undefined ? undefined : timeOf(fieldOf(value, fields.time, '--time', place), fields.time, place),
    }
  })
  return fields.time === undefined ? records : records.sort((a, b) => (a.time ?? 0) - (b.time ?? 0))
}

interface ParsedRecord {
  readonly text: string
  readonly value: object
}

export function parseRecords(text: string, name: string): ParsedRecord[] {
  const body = text.replace(/^\uFEFF/, '').trim()
  if (!body.startsWith('[')) return parseLines(body, name)
  const list = parse(body, name)
  if (!Array.isArray(list)) throw new Fault('MR2040', 'stop', `${name} is no JSON array`)
  return list.map((value: unknown, index) => ({ text: JSON.stringify(value), value: asObject(value, `record ${index + 1} of ${name}`) }))
}

const parseLines = (body: string, name: string): ParsedRecord[] =>
  body.split('\n').flatMap((raw, index) => {
    const text = raw.trim()
    const place = `${name} line ${index + 1}`
    return text === '' ? [] : [{ text, value: asObject(parse(text, place), place) }]
  })

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Fault('MR2040', 'stop', `${place} is no JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function asObject(value: unknown, place: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new Fault('MR2040', 'stop', `${place} is no object: ${JSON.stringify(value).slice(0, 60)}`)
}

/** `a.b` is field b of field a; a field that is itself called `a.b` goes first. */
function fieldOf(value: object, path: string, flag: string, place: string): unknown {
  const own = new Map<string, unknown>(Object.entries(value))
  if (own.has(path)) return own.get(path)
  let current: unknown = value
  for (const name of path.split('.')) {
    const fields = new Map<string, unknown>(typeof current === 'object' && current !== null ? Object.entries(current) : [])
    if (!fields.has(name))
      throw new Fault('MR2041', 'stop', `${place} has no field "${path}" for ${flag}.${didYouMean(path, [...own.keys()])}`)
    current = fields.get(name)
  }
  return current
}

function keyOf(value: object, field: string, place: string): string {
  const key = fieldOf(value, field, '--key', place)
  if (typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean') return String(key)
  throw new Fault(
    'MR2041',
    'stop',
    `${place}: field "${field}" for --key is ${JSON.stringify(key)}; a key is text, a number, true or false`,
  )
}

const DATE = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3})\d*)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/

/** Epoch milliseconds, ISO 8601, or 2001/01/31 23:59. A date without a zone is UTC, so that every machine loads the same. */
function timeOf(value: unknown, field: string, place: string): number {
  const time = typeof value === 'number' ? value : typeof value === 'string' ? parseTime(value) : NaN
  if (Number.isSafeInteger(time)) return time
  throw new Fault(
    'MR2041',
    'stop',
    `${place}: field "${field}" for --time is ${JSON.stringify(value)}; give epoch milliseconds, ISO 8601 or a date`,
  )
}

export function parseTime(text: string): number {
  const parts = DATE.exec(text.trim())
  if (parts === null) return NaN
  const [, year, month, day, hour, minute, second] = parts.map((part) => Number(part ?? 0))
  if (year === undefined || month === undefined || day === undefined) return NaN
  const milliseconds = parts[7] === undefined ? 0 : Number((parts[7] ?? '').padEnd(3, '0'))
  const time = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds)
  const isRealDate = new Date(time).getUTCDate() === day && month >= 1 && month <= 12 && (hour ?? 0) < 24 && (minute ?? 0) < 60
  return isRealDate ? time - zoneMs(parts[8]) : NaN
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const sign = zone.startsWith('-') ? -1 : 1
  return sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))) * 60_000
}
