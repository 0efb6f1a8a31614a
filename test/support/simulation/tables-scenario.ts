/**
 * Tables in two stages: rows that come, change and are deleted, and totals over them by another column, kept by adding and subtracting.
 * How many results there are depends on the commits; the last one of each key does not.
 */
import { json, nullable, text, topic, topology, type } from 'millrace'
import type { Dice } from './dice.ts'
import { parsed } from './scenario.ts'
import type { Draft, Facts, History, Outcome, Scenario, Written } from './scenario.ts'

interface Account {
  readonly branch: string
  readonly amount: number
}

interface Total {
  readonly accounts: number
  readonly amount: number
}

const accounts = topic('accounts', { key: text, value: json(type<Account>()) })
const rows = topic('rows', { key: text, value: nullable(json(type<Account>())) })
const totals = topic('totals', { key: text, value: nullable(json(type<Total>())) })
const ACCOUNTS = 8
const BRANCHES = 3

const tables = topology('tables', { version: 1 }, (flow) => {
  const table = flow.table(accounts)
  table.to(rows)
  table
    .groupBy('branch', (account) => account.branch)
    .aggregate('total', {
      initial: (): Total => ({ accounts: 0, amount: 0 }),
      add: (total, { amount }) => ({ accounts: total.accounts + 1, amount: total.amount + amount }),
      subtract: (total, { amount }) => ({ accounts: total.accounts - 1, amount: total.amount - amount }),
    })
    .to(totals)
})

export const tablesScenario: Scenario = {
  name: 'tables',
  topology: tables,
  input: accounts.topic,
  draft: (dice: Dice, n: number, partitions: number): Draft => {
    const account = dice.below(ACCOUNTS)
    const row: Account = { branch: `branch-${dice.below(BRANCHES)}`, amount: n }
    return { partition: account % partitions, key: `account-${account}`, value: dice.chance(0.3) ? null : JSON.stringify(row) }
  },
  closing: () => [],
  expected: (history: History): Facts => {
    const last = new Map<string, Account>()
    const seen = new Set<string>()
    for (const { key, value } of history.flat()) {
      const account = parsed<Account>(value)
      if (account === undefined) last.delete(key)
      else {
        last.set(key, account)
        seen.add(account.branch)
      }
    }
    const sums = new Map<string, Total>([...seen].map((branch) => [branch, { accounts: 0, amount: 0 }]))
    for (const { branch, amount } of last.values()) {
      const total = sums.get(branch) ?? { accounts: 0, amount: 0 }
      sums.set(branch, { accounts: total.accounts + 1, amount: total.amount + amount })
    }
    return { rows: Object.fromEntries(last), totals: filled(sums) }
  },
  found: ({ output }: Outcome): Facts => ({
    rows: Object.fromEntries(lastOf(output(rows.topic))),
    totals: filled(lastOf(output(totals.topic)) as ReadonlyMap<string, Total>),
  }),
}

/** A branch that came and went between two commits may never have been told. */
const filled = (sums: ReadonlyMap<string, Total>): Record<string, Total> =>
  Object.fromEntries([...sums].filter(([, { accounts: count }]) => count !== 0))

function lastOf(written: readonly Written[]): Map<string, unknown> {
  const last = new Map<string, unknown>()
  for (const { key, value } of written) {
    if (value === null) last.delete(key)
    else last.set(key, value)
  }
  return last
}
