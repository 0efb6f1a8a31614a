/** Two topics that meet in one stateful step: they must have equally many partitions. */
import { json, text, topic, topology, type } from 'millrace'

const name = process.env['ENGINE_TEST_NAME'] ?? 'joined'

const left = topic(`${name}-left`, { key: text, value: json(type<number>()) })
const right = topic(`${name}-right`, { key: text, value: json(type<number>()) })
const both = topic(`${name}-both`, { key: text, value: json(type<number>()) })

export default topology(name, { version: 1 }, (flow) => {
  flow.merge(flow.stream(left), flow.stream(right)).count('both').to(both)
})
