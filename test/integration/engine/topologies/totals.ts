/** One stage: the sum of the values of each key. */
import { json, text, topic, topology, type } from 'millrace'

export const amounts = topic('amounts', { key: text, value: json(type<number>()) })
export const totals = topic('totals', { key: text, value: json(type<number>()) })

export default topology('totals', { version: 1 }, (flow) => {
  flow
    .stream(amounts)
    .aggregate('total', { initial: () => 0, add: (total, amount) => total + amount })
    .to(totals)
})
