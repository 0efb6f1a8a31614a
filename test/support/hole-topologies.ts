/** Small applications for the tests of the holes (engine-holes.md): each as little as its hole needs. */
import { json, minutes, text, topic, topology, tumbling, type, valueState } from 'millrace'

export interface Click {
  readonly page: string
  readonly at: number
}

export const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
export const views = topic('views', { key: text, value: json(type<Click>()) })
export const counts = topic('counts', { key: text, value: json(type<number>()) })
export const perMinute = topic('per-minute', { key: text, value: json(type<{ start: number; clicks: number }>()) })
export const answers = topic('answers', { key: text, value: json(type<string>()) })

/** One stage, one store: clicks per key. Task `clicks.<partition>`. */
export const counting = topology('counting', { version: 1 }, (flow) => {
  flow.stream(clicks).count('per-user').to(counts)
})

/** As `counting`, over two inputs. Task `clicks.<partition>`. */
export const merging = topology('merging', { version: 1 }, (flow) => {
  flow.merge(flow.stream(clicks), flow.stream(views)).count('per-user').to(counts)
})

/** A stateless first stage, `clicks.<partition>`, and a second one that counts: `page.<partition>`. */
export const twoStages = topology('two-stages', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .keyBy('page', (click) => click.page)
    .count('per-page')
    .to(counts)
})

/** Finals behind a repartition topic. */
export const windows = topology('windows', { version: 1 }, (flow) => {
  flow
    .stream(clicks, { eventTime: (click) => click.at })
    .keyBy('page', (click) => click.page)
    .window('minute', tumbling(minutes(1)))
    .count((total, { window }) => ({ start: window.start, clicks: total }))
    .to(perMinute)
})

/** Remembers one text for each key. `drop` forgets it, `ask` answers it, everything else is remembered. */
export const memory = topology('memory', { version: 1 }, (flow) => {
  flow
    .stream(clicks)
    .process('memory', {
      state: { known: valueState<string>() },
      emits: type<string>(),
      onRecord: ({ page }, { state, emit }) => {
        if (page === 'drop') state.known.clear()
        else if (page === 'ask') emit(state.known.get() ?? 'nothing')
        else state.known.set(page)
      },
    })
    .to(answers)
})
