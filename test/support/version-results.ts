/**
 * What versions of test/integration/engine/topologies/versions.ts must have given together for these orders, by plain loops, and how what
 * stands in the real topics differs from it: every result once, whichever version gave it.
 */
import type { Final, Total } from '../integration/engine/topologies/versions.ts'
import type { ReadRecord } from './engine-rig.ts'
import { textOf } from './engine-rig.ts'
import { EPOCH, expectedLedger, foundLedger, ledgerDifference } from './ledger-orders.ts'
import type { LedgerOrder } from './ledger-orders.ts'

export interface VersionTopics {
  readonly balances: readonly ReadRecord[]
  readonly finals: readonly ReadRecord[]
  readonly totals: readonly ReadRecord[]
}

export interface VersionRules {
  readonly stages: 1 | 2
  readonly windowMs: number
  readonly latenessMaxMs: number
}

/** A few of them, in words; none: all is right. `compared` says how much was looked at. */
export function versionDifferences(
  found: VersionTopics,
  sent: readonly LedgerOrder[],
  rules: VersionRules,
): { readonly differences: readonly string[]; readonly compared: number } {
  const lines = found.balances.map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) }))
  const { balances } = expectedLedger(sent)
  const events = ledgerDifference({ ...foundLedger(lines, []) }, { balances, regions: {} })
  const windows = windowDifferences(found.finals, sent, rules)
  const rows = rowDifferences(found.totals, sent, rules)
  const differences = [...(events === undefined ? [] : [events]), ...windows.differences, ...rows]
  return { differences: differences.slice(0, 10), compared: lines.length + windows.compared + found.totals.length }
}

const keyOf = ({ account, region }: LedgerOrder, { stages }: VersionRules): string => (stages === 1 ? account : region)

function windowDifferences(
  finals: readonly ReadRecord[],
  sent: readonly LedgerOrder[],
  rules: VersionRules,
): { readonly differences: string[]; readonly compared: number } {
  const counts = new Map<string, number>()
  const newest = new Map<number, number>()
  for (const [index, order] of sent.entries()) {
    const at = EPOCH + index
    const window = `${keyOf(order, rules)} ${at - (at % rules.windowMs)}`
    counts.set(window, (counts.get(window) ?? 0) + 1)
    newest.set(order.partition, at)
  }
  const given = new Map<string, Final[]>()
  for (const { key, value } of finals) {
    // Written by the topology under test.
    const final = JSON.parse(String(textOf(value))) as Final
    const window = `${textOf(key)} ${final.start}`
    given.set(window, [...(given.get(window) ?? []), final])
  }
  // What every version must have closed by now.
  const closed = Math.min(...newest.values()) - rules.windowMs - rules.latenessMaxMs
  const differences: string[] = []
  for (const [window, all] of given) {
    if (all.length > 1) differences.push(`the window ${window} was given ${all.length} times`)
    if (all.some(({ count }) => count !== counts.get(window)))
      differences.push(`the window ${window} has ${counts.get(window) ?? 'no'} orders, given was ${all.map(({ count }) => count).join()}`)
  }
  for (const window of counts.keys())
    if (!given.has(window) && Number(window.split(' ')[1]) < closed) differences.push(`the window ${window} was not given`)
  return { differences, compared: finals.length }
}

/** A table: the last row of each key. */
function rowDifferences(totals: readonly ReadRecord[], sent: readonly LedgerOrder[], rules: VersionRules): string[] {
  const counts = new Map<string, number>()
  for (const order of sent) counts.set(keyOf(order, rules), (counts.get(keyOf(order, rules)) ?? 0) + 1)
  const rows = new Map<string, Total | null>()
  // Written by the topology under test; null: a tombstone.
  for (const { key, value } of totals) rows.set(String(textOf(key)), JSON.parse(textOf(value) ?? 'null') as Total | null)
  return [...new Set([...counts.keys(), ...rows.keys()])]
    .filter((key) => rows.get(key)?.count !== counts.get(key))
    .map((key) => `the row of ${key} is ${JSON.stringify(rows.get(key))}, counted were ${counts.get(key)}`)
}
