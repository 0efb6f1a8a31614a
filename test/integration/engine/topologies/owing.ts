/**
 * Two stages, events and windows behind the second: whoever dies between the stages owes both.
 *
 *     orders ─[═ by customer ═]─┬─ seen
 *                               └─ second ─ finals
 */
import { json, none, seconds, text, topic, topology, tumbling, type } from 'millrace'

const name = process.env['ENGINE_TEST_NAME'] ?? 'owing'
const version = Number(process.env['ENGINE_TEST_VERSION'] ?? 1)

export interface Order {
  readonly id: number
  readonly customer: string
}
export interface Seen {
  readonly id: number
  readonly by: number
}

const orders = topic(`${name}-orders`, { key: none, value: json(type<Order>()) })
const seen = topic(`${name}-seen`, { key: text, value: json(type<Seen>()) })
const finals = topic(`${name}-finals`, { key: text, value: json(type<{ readonly start: number; readonly count: number }>()) })

export default topology(name, { version }, (flow) => {
  const keyed = flow.stream(orders).keyBy('by-customer', (order) => order.customer)
  keyed.map((order): Seen => ({ id: order.id, by: version })).to(seen)
  keyed
    .window('second', tumbling(seconds(1)))
    .count((count, { window }) => ({ start: window.start, count }))
    .to(finals)
})
