/** All error codes, merged from the areas, for `millrace explain`, the guide's page deploy/guide/errors.md and the tests. Pure. */
import { commandCodes } from './command-codes.ts'
import type { FaultEntry } from './fault.ts'
import { kafkaCodes } from './kafka-codes.ts'
import { logCodes } from './log-codes.ts'
import { recordCodes } from './record-codes.ts'
import { registryCodes } from './registry-codes.ts'
import { stateCodes } from './state-codes.ts'
import { nearest } from './suggest.ts'
import { switchCodes } from './switch-codes.ts'
import { taskCodes } from './task-codes.ts'
import { topologyCodes } from './topology-codes.ts'

const areas: readonly (readonly FaultEntry[])[] = [
  commandCodes,
  kafkaCodes,
  logCodes,
  recordCodes,
  registryCodes,
  stateCodes,
  switchCodes,
  taskCodes,
  topologyCodes,
]

export const catalogue: readonly FaultEntry[] = areas.flat().sort((a, b) => a.code.localeCompare(b.code))

export const areaTitles: Readonly<Record<string, string>> = {
  '1': 'Topology',
  '2': 'Configuration and command',
  '3': 'Kafka',
  '4': 'State',
  '5': 'Life of a task',
  '6': 'Records and formats',
}

/** Accepts `MR3001`, `mr3001` and `3001`. */
export function explain(code: string): FaultEntry | undefined {
  const wanted = normalized(code)
  return catalogue.find((entry) => entry.code === wanted)
}

/** Codes that may have been meant: the nearest, else those of the same area. */
export function suggestionsFor(code: string): readonly string[] {
  const wanted = normalized(code)
  const codes: readonly string[] = catalogue.map((entry) => entry.code)
  const sameArea = codes.filter((one) => one.slice(0, 3) === wanted.slice(0, 3))
  const near = /^MR\d+$/.test(wanted) ? nearest(wanted, sameArea) : undefined
  return near === undefined ? sameArea : [near]
}

const normalized = (code: string): string => {
  const upper = code.trim().toUpperCase()
  return /^\d+$/.test(upper) ? `MR${upper}` : upper
}
