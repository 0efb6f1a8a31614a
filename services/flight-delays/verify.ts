/** Compares both outputs, as read from their topics, with what they must be: exactly, every result once, in order of time within a key. */
import { isDeepStrictEqual } from 'node:util'
import type { Expectation } from './oracle.ts'

export type Verdict = { readonly equal: true; readonly compared: number } | { readonly equal: false; readonly difference: string }

/** One line of an output topic: the key and the value as text, read committed. */
export interface OutputLine {
  readonly key: string | null
  readonly value: string | null
}

export function compareAirportDays(expected: Expectation, lines: Iterable<OutputLine>): Verdict {
  return compare('airport-days', expected.airportDays, lines)
}

export function compareRankings(expected: Expectation, lines: Iterable<OutputLine>): Verdict {
  return compare('delay-ranking', new Map([['all', expected.rankings]]), lines)
}

function compare(topic: string, expected: ReadonlyMap<string, readonly unknown[]>, lines: Iterable<OutputLine>): Verdict {
  const seen = new Map<string, number>()
  let compared = 0
  for (const { key, value } of lines) {
    const index = seen.get(key ?? '') ?? 0
    const due = expected.get(key ?? '')?.[index]
    if (!isDeepStrictEqual(parsed(value), due)) {
      return { equal: false, difference: `${topic}, key ${key}, result ${index + 1}: expected ${JSON.stringify(due)}, found ${value}` }
    }
    seen.set(key ?? '', index + 1)
    compared += 1
  }
  for (const [key, results] of expected) {
    const missing = results[seen.get(key) ?? 0]
    if (missing !== undefined)
      return { equal: false, difference: `${topic}, key ${key}: the first result that is missing is ${JSON.stringify(missing)}` }
  }
  return { equal: true, compared }
}

function parsed(value: string | null): unknown {
  try {
    return JSON.parse(value ?? 'null')
  } catch {
    return `no JSON: ${value}`
  }
}
