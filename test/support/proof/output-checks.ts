/** V1 to V3 and P5: what came out, against what the input says. Pure. */
import type { Line } from '../../../services/demo/console-consumer.ts'
import { check } from './check.ts'
import type { Check } from './check.ts'
import type { SeenRecord } from './independent-reader.ts'
import { chainDifferences, foundResults, orderOf, recompute, regionDifferences, windowDifferences } from './oracle.ts'
import type { Expected } from './oracle.ts'
import { linked, quietWord } from './topology.ts'
import type { Chained, Link } from './topology.ts'

export interface Outputs {
  readonly orders: readonly SeenRecord[]
  readonly chains: readonly SeenRecord[]
  readonly regions: readonly SeenRecord[]
  readonly windows: readonly SeenRecord[]
  readonly deadLetters: readonly SeenRecord[]
}

export function outputChecks(outputs: Outputs): { readonly checks: readonly Check[]; readonly expected: Expected } {
  const [orders, chains, regions, windows] = [outputs.orders, outputs.chains, outputs.regions, outputs.windows].map(linesOf)
  const input = orders ?? []
  const expected = recompute(input)
  const found = foundResults(chains ?? [], regions ?? [], windows ?? [])
  const checks = [
    uniqueIds(input),
    check(
      'V2 the hash chain of each key is unbroken',
      outputs.chains.length,
      brokenChains(chains ?? []),
      `links of ${found.chains.size} keys`,
    ),
    check('V3 chains equal the oracle', outputs.chains.length, chainDifferences(found, expected), `records, ${expected.quiets} of timers`),
    check(
      'V3 regions equal the oracle',
      outputs.regions.length,
      regionDifferences(found, expected),
      `records of ${found.regions.size} regions`,
    ),
    check(
      'V3 windows equal the oracle',
      outputs.windows.length,
      windowDifferences(found, expected),
      `windows, ${expected.late} records late`,
    ),
    accounted(outputs, (chains ?? []).length - expected.quiets),
  ]
  return { checks, expected }
}

const textOf = (bytes: string | null): string | null => (bytes === null ? null : Buffer.from(bytes, 'base64').toString('utf8'))
export const linesOf = (records: readonly SeenRecord[]): Line[] =>
  records.map(({ partition, key, value }) => ({ partition, key: textOf(key), value: textOf(value) }))

function uniqueIds(input: readonly Line[]): Check {
  const seen = new Set<string>()
  const faults: string[] = []
  for (const line of input) {
    const order = orderOf(line)
    if (order === undefined) continue
    const id = `${line.partition}:${order.id}`
    if (seen.has(id)) faults.push(`id ${id} twice`)
    seen.add(id)
  }
  return check('V1 every input record has an id of its own', seen.size, faults, 'ids of (partition, id)')
}

/** From the outputs alone: each link follows from the one before it. */
function brokenChains(chains: readonly Line[]): string[] {
  const last = new Map<string, Link>()
  const faults: string[] = []
  for (const { key, value } of chains) {
    const one = JSON.parse(String(value)) as Chained // Of our own topology.
    const name = String(key)
    const next = linked(last.get(name), one.kind === 'order' ? String(one.id) : quietWord(one.at))
    if (next.n !== one.n || next.hash !== one.hash) faults.push(`${name}: link ${one.n} ${one.hash} where ${next.n} ${next.hash} follows`)
    last.set(name, one)
  }
  return faults
}

const ORIGIN = ['topic', 'partition', 'offset'].map((name) => `__streams.errors.${name}`)

/** Every record read has ended once, as processed or as refused, and a refused one with its own bytes in the dead letters. */
function accounted({ orders, deadLetters }: Outputs, processed: number): Check {
  const faults: string[] = []
  const letters = new Map<string, SeenRecord[]>()
  for (const letter of deadLetters) {
    const origin = ORIGIN.map((name) => textOf(letter.headers.findLast(([one]) => one === name)?.[1] ?? null)).join(':')
    letters.set(origin, [...(letters.get(origin) ?? []), letter])
  }
  let refused = 0
  for (const record of orders) {
    if (orderOf({ key: textOf(record.key), value: textOf(record.value) }) !== undefined) continue
    refused++
    const origin = `${record.topic}:${record.partition}:${record.offset}`
    const [letter, ...more] = letters.get(origin) ?? []
    if (letter === undefined || more.length > 0)
      faults.push(`${origin} is garbage and has ${letter === undefined ? 0 : more.length + 1} dead letters`)
    else if (letter.key !== record.key || letter.value !== record.value) faults.push(`the dead letter of ${origin} has other bytes`)
    letters.delete(origin)
  }
  for (const origin of letters.keys()) faults.push(`${origin} is in the dead letters and no garbage`)
  if (processed + refused !== orders.length) faults.push(`${orders.length} read, ${processed} processed, ${refused} refused`)
  return check('P5 processed + refused = read', orders.length, faults, `read, ${processed} processed, ${refused} refused`)
}
