/** What must come out of the topology, by plain loops over the input topic in the order of each partition. Pure: knows nothing of the engine. */
import type { Line } from '../../../services/demo/console-consumer.ts'
import type { Chained, Link, Order, PerWindow, Region } from './topology.ts'
import { latenessMs, linked, outOfOrderMs, quietMs, quietWord, windowMs } from './topology.ts'

export interface Results {
  /** Key → its outputs in order, as `kind n hash`. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Region → counts in order of the topic, and the last sum. */
  readonly regions: ReadonlyMap<string, { readonly counts: readonly number[]; readonly sum: number }>
  /** `region start count sum`, sorted. */
  readonly windows: readonly string[]
}

export interface Expected extends Results {
  /** State of the step `chain` at the end. */
  readonly lastLinks: ReadonlyMap<string, Link>
  readonly lastRegions: ReadonlyMap<string, Region>
  /** Key → time of its quiet timer. */
  readonly timers: ReadonlyMap<string, number>
  /** Windows that no watermark has closed, as `start region`. */
  readonly openWindows: ReadonlyMap<string, Region>
  readonly late: number
  readonly quiets: number
}

const shownLink = (kind: string, { n, hash }: Link): string => `${kind} ${n} ${hash}`
const shownWindow = (region: string, { start, count, sum }: PerWindow): string => `${region} ${start} ${count} ${sum}`

/** Undefined: garbage, which the topology must refuse. */
export function orderOf({ key, value }: Pick<Line, 'key' | 'value'>): Order | undefined {
  if (key === null || value === null) return undefined
  try {
    return JSON.parse(value) as Order // What our own feed writes is an order or no JSON.
  } catch {
    return undefined
  }
}

/** The first stage on one partition. */
class Partition {
  watermark = -Infinity
  readonly timers = new Map<string, number>()
  /** No timer is due before this time. */
  #nextDue = Infinity

  /** Answers the timers that the record at `at` has made due, by time. */
  after(key: string, at: number): { readonly key: string; readonly time: number }[] {
    this.timers.set(key, at + quietMs)
    this.#nextDue = Math.min(this.#nextDue, at + quietMs)
    this.watermark = Math.max(this.watermark, at - outOfOrderMs)
    if (this.#nextDue > this.watermark) return []
    const due = [...this.timers].filter(([, time]) => time <= this.watermark).map(([timerKey, time]) => ({ key: timerKey, time }))
    for (const timer of due) this.timers.delete(timer.key)
    this.#nextDue = Math.min(Infinity, ...this.timers.values())
    return due.toSorted((one, other) => one.time - other.time)
  }
}

export function recompute(input: readonly Line[]): Expected {
  const partitions = new Map<number, Partition>()
  const lastLinks = new Map<string, Link>()
  const chains = new Map<string, string[]>()
  const regions = new Map<string, { counts: number[]; sum: number }>()
  const windows = new Map<string, PerWindow>()
  const count = { late: 0, quiets: 0 }
  const chain = (kind: Chained['kind'], key: string, what: string): void => {
    const next = linked(lastLinks.get(key), what)
    lastLinks.set(key, next)
    const list = chains.get(key) ?? []
    list.push(shownLink(kind, next))
    chains.set(key, list)
  }
  for (const line of input) {
    const order = orderOf(line)
    if (order === undefined) continue
    const key = String(line.key)
    const { id, region, at } = order
    const partition = partitions.get(line.partition) ?? new Partition()
    partitions.set(line.partition, partition)
    const stamp = partition.watermark
    chain('order', key, String(id))
    for (const timer of partition.after(key, at)) {
      count.quiets++
      chain('quiet', timer.key, quietWord(timer.time))
    }
    const total = regions.get(region) ?? { counts: [], sum: 0 }
    total.counts.push(total.counts.length + 1)
    regions.set(region, { counts: total.counts, sum: total.sum + id })
    const start = Math.floor(at / windowMs) * windowMs
    if (stamp >= start + windowMs + latenessMs) {
      count.late++
      continue
    }
    const name = `${region} ${start}`
    const before = windows.get(name) ?? { start, count: 0, sum: 0 }
    windows.set(name, { start, count: before.count + 1, sum: before.sum + id })
  }
  const end = Math.min(...[...partitions.values()].map(({ watermark }) => watermark)) - latenessMs
  const [closed, open] = [true, false].map((is) => [...windows].filter(([, { start }]) => start + windowMs <= end === is))
  return {
    chains,
    regions,
    windows: (closed ?? []).map(([name, one]) => shownWindow(regionOf(name), one)).toSorted(),
    lastLinks,
    timers: new Map([...partitions.values()].flatMap(({ timers }) => [...timers])),
    openWindows: new Map((open ?? []).map(([name, { start, count: n, sum }]) => [`${start} ${regionOf(name)}`, { count: n, sum }])),
    lastRegions: new Map([...regions].map(([region, { counts, sum }]) => [region, { count: counts.length, sum }])),
    ...count,
  }
}

/** Of `region start`. */
const regionOf = (name: string): string => name.slice(0, name.lastIndexOf(' '))

export function foundResults(chainLines: readonly Line[], regionLines: readonly Line[], windowLines: readonly Line[]): Results {
  const chains = new Map<string, string[]>()
  for (const { key, value } of chainLines) {
    const one = JSON.parse(String(value)) as Chained
    const list = chains.get(String(key)) ?? []
    list.push(shownLink(one.kind, one))
    chains.set(String(key), list)
  }
  const regions = new Map<string, { counts: number[]; sum: number }>()
  for (const { key, value } of regionLines) {
    const one = JSON.parse(String(value)) as Region
    const counts = regions.get(String(key))?.counts ?? []
    counts.push(one.count)
    regions.set(String(key), { counts, sum: one.sum })
  }
  const windows = windowLines.map(({ key, value }) => shownWindow(String(key), JSON.parse(String(value)) as PerWindow))
  return { chains, regions, windows: windows.toSorted() }
}

/** The first differences, in words; empty: equal. */
export const differences = (found: Results, expected: Results): readonly string[] => [
  ...chainDifferences(found, expected),
  ...regionDifferences(found, expected),
  ...windowDifferences(found, expected),
]

export const chainDifferences = (found: Results, expected: Results): readonly string[] =>
  [...new Set([...found.chains.keys(), ...expected.chains.keys()])].flatMap((key) => {
    const difference = firstDifference(found.chains.get(key) ?? [], expected.chains.get(key) ?? [])
    return difference === undefined ? [] : [`chain of ${key}: ${difference}`]
  })

export const regionDifferences = (found: Results, expected: Results): readonly string[] =>
  [...new Set([...found.regions.keys(), ...expected.regions.keys()])].flatMap((region) => {
    const [is, should] = [found.regions.get(region), expected.regions.get(region)]
    const difference = firstDifference(is?.counts ?? [], should?.counts ?? [])
    if (difference !== undefined) return [`region ${region}: ${difference}`]
    return is?.sum === should?.sum ? [] : [`region ${region}: sum ${is?.sum}, expected ${should?.sum}`]
  })

export function windowDifferences(found: Results, expected: Results): readonly string[] {
  const difference = firstDifference(found.windows, expected.windows)
  return difference === undefined ? [] : [`windows: ${difference}`]
}

function firstDifference(found: readonly unknown[], expected: readonly unknown[]): string | undefined {
  const length = Math.max(found.length, expected.length)
  for (let at = 0; at < length; at++) {
    if (found[at] === expected[at]) continue
    const near = (list: readonly unknown[]): string => list.slice(Math.max(0, at - 2), at + 4).join(' | ')
    return `${found.length} found, ${expected.length} expected; from ${at} on found [${near(found)}], expected [${near(expected)}]`
  }
  return undefined
}
