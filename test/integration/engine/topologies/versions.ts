/**
 * Versions of one application that give the same, each kind of result once: events, windows, and the rows of a table. They differ in
 * lateness, so that one has closed windows which the other has open; and each signs its rows, so that all rows differ at a switch.
 *
 *     orders ─ balance ─┬─ balances
 *                       [═ by region ═]─┬─ second ─ finals
 *                                       └─ total  ─ totals
 */
import { json, seconds, text, topic, topology, tumbling, type } from 'millrace'
import { balances, runningBalances } from './ledger.ts'

const name = process.env['ENGINE_TEST_NAME'] ?? 'versions'
const version = Number(process.env['ENGINE_TEST_VERSION'] ?? 1)
const isStaged = process.env['ENGINE_TEST_STAGES'] === '2'

export const WINDOW_MS = 1_000
export const LATENESS_MAX_MS = 2_000

export interface Final {
  readonly start: number
  readonly count: number
}
export interface Total {
  readonly by: number
  readonly count: number
}

export const finals = topic(`${name}-finals`, { key: text, value: json(type<Final>()) })
export const totals = topic(`${name}-totals`, { key: text, value: json(type<Total>()) })

export default topology(name, { version }, (flow) => {
  const running = runningBalances(flow)
  running.to(balances)
  const keyed = isStaged ? running.keyBy('by-region', (balance) => balance.region) : running
  keyed
    .window('second', tumbling(seconds(WINDOW_MS / 1_000)), { lateness: seconds(version % 2 === 0 ? 0 : LATENESS_MAX_MS / 1_000) })
    .count((count, { window }) => ({ start: window.start, count }))
    .to(finals)
  keyed
    .aggregate('total', {
      initial: (): Total => ({ by: version, count: 0 }),
      add: ({ count }): Total => ({ by: version, count: count + 1 }),
    })
    .to(totals)
})
