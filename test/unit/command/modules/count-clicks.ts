/** Clicks counted by user: one repartition topic, one store, one sink. */
import { json, text, topic, topology, type } from 'millrace'

interface Click {
  readonly user: string
}

export const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
export const counts = topic('counts', { key: text, value: json(type<number>()) })

export const countClicks = topology('count-clicks', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .keyBy('user', (click) => click.user)
    .count('total')
    .to(counts)
})

export default countClicks
