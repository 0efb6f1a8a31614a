/**
 * Compares prices as read from the output topic with what they must be. Exact: every price once, none besides, and within a
 * cell in the order of time (between cells Kafka promises no order).
 */
import { isDeepStrictEqual } from 'node:util'
import type { SurgePrice } from './topics.ts'

export type Verdict = { readonly equal: true; readonly compared: number } | { readonly equal: false; readonly difference: string }

/** One line of the output topic: the key and the value as text, read committed. */
export interface OutputLine {
  readonly key: string | null
  readonly value: string | null
}

export function comparePrices(expected: ReadonlyMap<string, readonly SurgePrice[]>, lines: Iterable<OutputLine>): Verdict {
  const seen = new Map<string, number>()
  let compared = 0
  for (const line of lines) {
    const cell = line.key ?? ''
    const index = seen.get(cell) ?? 0
    const difference = differenceOf(expected.get(cell)?.[index], line, index)
    if (difference !== undefined) return { equal: false, difference }
    seen.set(cell, index + 1)
    compared += 1
  }
  for (const [cell, prices] of expected) {
    const missing = prices[seen.get(cell) ?? 0]
    if (missing !== undefined)
      return {
        equal: false,
        difference: `cell ${cell}: ${prices.length} prices expected, ${seen.get(cell) ?? 0} found; the first that is missing: ${JSON.stringify(missing)}`,
      }
  }
  return { equal: true, compared }
}

function differenceOf(expected: SurgePrice | undefined, { key, value }: OutputLine, index: number): string | undefined {
  if (expected !== undefined && isDeepStrictEqual(parsed(value), expected)) return undefined
  return `cell ${key}, price ${index + 1}: expected ${expected === undefined ? 'no further price' : JSON.stringify(expected)}, found ${value}`
}

function parsed(value: string | null): unknown {
  try {
    return JSON.parse(value ?? 'null')
  } catch {
    return undefined
  }
}
