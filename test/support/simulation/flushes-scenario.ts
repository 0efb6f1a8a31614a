/**
 * Processing-time timers: what came for a key is collected and given out together when the clock says so. When that is follows from no
 * input; but given out must be every record, once, in order, and never nothing.
 */
import { json, listState, milliseconds, text, topic, topology, type } from 'millrace'
import type { Dice } from './dice.ts'
import { GARBAGE, parsed } from './scenario.ts'
import type { Draft, Facts, History, Outcome, Scenario } from './scenario.ts'

interface Item {
  readonly id: number
}

interface Flushed {
  readonly ids: readonly number[]
}

const items = topic('items', { key: text, value: json(type<Item>()) })
const flushed = topic('flushed', { key: text, value: json(type<Flushed>()) })
const USERS = 6
const WAIT_MS = 700

const flushes = topology('flushes', { version: 1 }, (flow) => {
  flow
    .stream(items)
    .process('collect', {
      state: { ids: listState<number>() },
      timers: { full: 'processing-time' },
      emits: type<Flushed>(),
      onRecord: ({ id }, { state, timers }) => {
        state.ids.push(id)
        timers.full.after(milliseconds(WAIT_MS))
      },
      onTimer: {
        full: (_, { state, emit }) => {
          emit({ ids: [...state.ids.values()] })
          state.ids.clear()
        },
      },
    })
    .to(flushed)
})

export const flushesScenario: Scenario = {
  name: 'flushes',
  topology: flushes,
  input: items.topic,
  draft: (dice: Dice, n: number, partitions: number): Draft => {
    const user = dice.below(USERS)
    const value = dice.chance(0.02) ? GARBAGE : JSON.stringify({ id: n })
    return { partition: user % partitions, key: `user-${user}`, value }
  },
  closing: () => [],
  expected: (history: History): Facts => {
    const ids: Record<string, number[]> = {}
    const all = history.flat().map(({ key, value }) => ({ key, item: parsed<Item>(value) }))
    for (const { key, item } of all) if (item !== undefined) (ids[key] ??= []).push(item.id)
    return { ids, nothing: 0, refused: all.filter(({ item }) => item === undefined).length }
  },
  found: ({ output, deadLetters }: Outcome): Facts => {
    const ids: Record<string, number[]> = {}
    let nothing = 0
    for (const { key, value } of output(flushed.topic)) {
      const flush = value as Flushed // Written by the topology.
      if (flush.ids.length === 0) nothing += 1
      ;(ids[key] ??= []).push(...flush.ids)
    }
    return { ids, nothing, refused: deadLetters }
  },
}
