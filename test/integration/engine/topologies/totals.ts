/** One stage: the sum of the values of each key. */
import { json, text, topic, topology, type } from 'millrace'

const name = process.env['ENGINE_TEST_NAME'] ?? 'totals'

export const amounts = topic(`${name}-amounts`, { key: text, value: json(type<number>()) })
export const totals = topic(`${name}-totals`, { key: text, value: json(type<number>()) })

export default topology(name, { version: 1 }, (flow) => {
  flow
    .stream(amounts)
    .aggregate('total', { initial: () => 0, add: (total, amount) => total + amount })
    .to(totals)
})
