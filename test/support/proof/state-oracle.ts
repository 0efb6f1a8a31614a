/** What the oracle says of the state of each step, as tables that can be compared with a store or a changelog. Pure. */
import type { Expected } from './oracle.ts'
import { decoded, timedOf, valuesOf } from './stores.ts'

/** `cell entry` → what stands there. */
export type StateTable = ReadonlyMap<string, string>
/** Key → value, both in base64. */
type Entries = ReadonlyMap<string, string>

/** The steps of topology.ts. */
export const steps = ['chain', 'region', 'ten-seconds'] as const
export type Step = (typeof steps)[number]

export const expectedState: Readonly<Record<Step, (expected: Expected) => StateTable>> = {
  chain: ({ lastLinks, timers }) => new Map([...rows('last', lastLinks), ...rows('quiet', timers)]),
  region: ({ lastRegions }) => rows('last', lastRegions),
  'ten-seconds': ({ openWindows }) => rows('open', openWindows),
}

export const foundState: Readonly<Record<Step, (entries: Entries) => StateTable>> = {
  chain: (entries) => new Map([...rows('last', valuesOf(entries, 'last')), ...rows('quiet', timersIn(entries))]),
  region: (entries) => rows('last', valuesOf(entries, 'last')),
  'ten-seconds': (entries) =>
    rows('open', new Map(timedOf(entries, 'open').map(({ time, key, value }) => [`${time} ${key}`, decoded(value)]))),
}

const rows = (cell: string, values: ReadonlyMap<string, unknown>): Map<string, string> =>
  new Map([...values].map(([key, value]) => [`${cell} ${key}`, JSON.stringify(value)]))

/** A timer is a wanted time for its key and one entry in the order of time (dataflow/operators/timers.ts); where they do not fit, both are told. */
function timersIn(entries: Entries): Map<string, unknown> {
  const times = valuesOf(entries, 'time:quiet')
  const due = Map.groupBy(timedOf(entries, 'timer:quiet'), ({ key }) => key)
  const found = new Map<string, unknown>()
  for (const key of new Set([...times.keys(), ...due.keys()])) {
    const [wanted, entry] = (times.get(key) ?? []) as readonly [wanted?: number, entry?: number] // Of timesCodec.
    const at = (due.get(key) ?? []).map(({ time }) => time)
    const fits = at.length === 1 && at[0] === entry
    found.set(key, fits ? wanted : { wanted, entry, entries: at })
  }
  return found
}

export const tableDifferences = (where: string, found: StateTable, expected: StateTable): string[] =>
  [...new Set([...found.keys(), ...expected.keys()])].flatMap((entry) =>
    found.get(entry) === expected.get(entry)
      ? []
      : [`${where} ${entry}: ${found.get(entry) ?? 'nothing'}, expected ${expected.get(entry) ?? 'nothing'}`],
  )
