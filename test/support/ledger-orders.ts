/** Orders for test/integration/engine/topologies/ledger.ts, and what plain loops make of them. */
import type { Balance, Region } from '../integration/engine/topologies/ledger.ts'
import type { Line } from '../../services/demo/console-consumer.ts'
import { record } from './engine-rig.ts'
import type { OutgoingRecord } from '../../libs/runtime/ports/log.ts'

export interface LedgerOrder {
  readonly partition: number
  readonly account: string
  readonly region: string
  readonly amount: number
}

const ACCOUNTS = 200
const REGIONS = 12
/** 2024-01-01T00:00:00Z: the past of every clock. */
export const EPOCH = 1_704_067_200_000

/** mulberry32: small, and the same everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** An account is always in one partition. Amounts are whole numbers, so that sums do not depend on their order. */
export function ordersOf(random: () => number, count: number, partitions: number): LedgerOrder[] {
  return Array.from({ length: count }, () => {
    const account = Math.floor(random() * ACCOUNTS)
    return {
      partition: account % partitions,
      account: `account-${account}`,
      region: `region-${Math.floor(random() * REGIONS)}`,
      amount: Math.floor(random() * 1_000) - 300,
    }
  })
}

/** Each one a millisecond later than the one before; `sent`: how many came before these. */
export function orderRecords(orders: readonly LedgerOrder[], sent = 0): ReadonlyMap<number, OutgoingRecord[]> {
  const found = new Map<number, OutgoingRecord[]>()
  orders.forEach(({ partition, account, region, amount }, index) => {
    const list = found.get(partition) ?? []
    list.push(record(account, JSON.stringify({ region, amount }), { timestamp: EPOCH + sent + index }))
    found.set(partition, list)
  })
  return found
}

export interface LedgerResults {
  /** Account → every balance in order. */
  readonly balances: Readonly<Record<string, readonly Balance[]>>
  /** Region → the counts that its results have, sorted (1, 2, 3 ...), and the last sum. */
  readonly regions: Readonly<Record<string, { readonly counts: readonly number[]; readonly sum: number }>>
}

export function expectedLedger(orders: readonly LedgerOrder[]): LedgerResults {
  const balances: Record<string, Balance[]> = {}
  const regions: Record<string, { counts: number[]; sum: number }> = {}
  for (const { account, region, amount } of orders) {
    const list = (balances[account] ??= [])
    list.push({ region, amount, count: list.length + 1, balance: (list.at(-1)?.balance ?? 0) + amount })
    const total = (regions[region] ??= { counts: [], sum: 0 })
    total.counts.push(total.counts.length + 1)
    total.sum += amount
  }
  return { balances, regions }
}

/** What was read from the two topics, in the same form. */
export function foundLedger(balanceLines: readonly Line[], regionLines: readonly Line[]): LedgerResults {
  const balances: Record<string, Balance[]> = {}
  for (const { key, value } of balanceLines) (balances[String(key)] ??= []).push(JSON.parse(String(value)) as Balance)
  const regions: Record<string, { counts: number[]; sum: number }> = {}
  for (const { key, value } of regionLines) {
    const result = JSON.parse(String(value)) as Region
    const total = (regions[String(key)] ??= { counts: [], sum: 0 })
    total.counts.push(result.count)
    total.sum = result.sum
  }
  return { balances, regions }
}

/** The first difference, or undefined: two objects of ten thousands of results are no message for eyes. */
export function ledgerDifference(found: LedgerResults, expected: LedgerResults): string | undefined {
  for (const part of ['balances', 'regions'] as const) {
    const keys = new Set([...Object.keys(found[part]), ...Object.keys(expected[part])])
    for (const key of keys) {
      const [is, should] = [JSON.stringify(found[part][key]), JSON.stringify(expected[part][key])]
      if (is === should) continue
      let at = 0
      while (is?.[at] === should?.[at]) at++
      const near = (text: string | undefined): string => (text === undefined ? 'nothing' : text.slice(Math.max(0, at - 120), at + 120))
      return `${part} of ${key} differ: found ...${near(is)}, expected ...${near(should)}`
    }
  }
  return undefined
}
