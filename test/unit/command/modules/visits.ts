/** One step with every kind of state: a value, a map, a list and a timer, for `millrace state`. */
import { json, listState, mapState, minutes, text, topic, topology, type, valueState } from 'millrace'

interface Visit {
  readonly page: string
}

export const visits = topic('visits', { key: text, value: json(type<Visit>()) })
export const results = topic('results', { key: text, value: json(type<string>()) })

export default topology('visits', { version: 1 }, (flow) => {
  flow
    .stream(visits)
    .process('memory', {
      state: { last: valueState<string>(), pages: mapState<string, number>(), trail: listState<string>() },
      timers: { quiet: 'event-time' },
      emits: type<string>(),
      onRecord: (visit, { state, timers }) => {
        state.last.set(visit.page)
        state.pages.set(visit.page, (state.pages.get(visit.page) ?? 0) + 1)
        state.trail.push(visit.page)
        timers.quiet.after(minutes(30))
      },
      onTimer: { quiet: (at, { emit }) => emit(`quiet since ${at}`) },
    })
    .to(results)
})
