/** Laws of event time in operators: finals are a function of the log alone (P4), whatever the partitions, commits and jumps of time. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { json, hopping, milliseconds, text, topic, topology, tumbling, type } from 'millrace'
import type { SplittingWindows, Topology, Windowed } from 'millrace'
import { partitionOf } from '../../libs/dataflow/murmur2.ts'
import { PlainRun } from '../support/plain-run.ts'

interface Event {
  readonly group: string
  readonly value: number
}
const events = topic('events', { key: text, value: json(type<Event>()) })
const sums = topic('sums', { key: text, value: json(type<Windowed<number>>()) })
const late = topic('late', { key: text, value: json(type<Event>()) })

const OUT_OF_ORDERNESS = 3

interface Step {
  readonly key: string
  readonly group: string
  readonly time: number
  readonly value: number
  readonly commit: boolean
}
const step = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  group: fc.constantFrom('x', 'y', 'z'),
  // Mostly forward, with disorder: added to the step's number.
  time: fc.integer({ min: 0, max: 30 }),
  value: fc.integer({ min: 1, max: 100 }),
  commit: fc.boolean(),
})
const windowKinds = fc.constantFrom(
  tumbling(milliseconds(10)),
  hopping(milliseconds(20), { every: milliseconds(10) }),
  hopping(milliseconds(25), { every: milliseconds(10) }),
)

function sumsBy(windows: SplittingWindows, lateness: number, rekey: boolean): Topology {
  return topology('app', { version: 1 }, (flow) => {
    const stream = flow.stream(events, { outOfOrderness: milliseconds(OUT_OF_ORDERNESS) })
    const keyed = rekey ? stream.keyBy('group', (event) => event.group) : stream
    const sum = keyed
      .window('sum', windows, { lateness: milliseconds(lateness) })
      .aggregate({ initial: () => 0, add: (total, event) => total + event.value })
    sum.to(sums)
    sum.side.late.to(late)
  })
}

/** What D1 and D2 say, from the input alone: lateness by the origin partition's own watermark just before the record. */
function expectedOf(
  steps: readonly Step[],
  windows: SplittingWindows,
  lateness: number,
  rekey: boolean,
  partitions: number,
): { finals: string[]; late: number } {
  const watermarks = new Map<number, number>()
  const totals = new Map<string, number>()
  let lateCount = 0
  steps.forEach(({ key, group, time, value }, index) => {
    const timestamp = index + time
    const partition = partitionOf(key, partitions)
    const stamp = watermarks.get(partition) ?? -Infinity
    let taken = false
    for (let start = -windows.sizeMs; start <= timestamp; start += 1) {
      if (((start % windows.everyMs) + windows.everyMs) % windows.everyMs !== 0 || start + windows.sizeMs <= timestamp) continue
      if (stamp >= start + windows.sizeMs + lateness) continue
      taken = true
      const name = `${rekey ? group : key} ${start}`
      totals.set(name, (totals.get(name) ?? 0) + value)
    }
    if (!taken) lateCount += 1
    watermarks.set(partition, Math.max(stamp, timestamp - OUT_OF_ORDERNESS))
  })
  return { finals: [...totals].map(([name, total]) => `${name} ${total}`).toSorted(), late: lateCount }
}

describe('windows', () => {
  it('give for any log, partitions, commits and lateness exactly what the definition says, once, in order of time for each key', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        windowKinds,
        fc.integer({ min: 0, max: 12 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 3 }),
        (steps, windows, lateness, rekey, partitions) => {
          const run = new PlainRun(sumsBy(windows, lateness, rekey), { partitions })
          steps.forEach(({ key, group, time, value, commit }, index) => {
            run.send('events', { key, value: { group, value }, timestamp: index + time })
            if (commit) run.commit()
          })
          run.commit()
          run.advance(1_000_000)
          run.commit()
          const found = run.read('sums')
          const expected = expectedOf(steps, windows, lateness, rekey, partitions)
          expect(
            found
              .map(({ key, value }) => `${String(key)} ${(value as Windowed<number>).window.start} ${(value as Windowed<number>).value}`)
              .toSorted(),
          ).toEqual(expected.finals)
          expect(run.read('late')).toHaveLength(expected.late)
          expect(run.counters('sum').late).toBe(expected.late)
          for (const key of new Set(found.map((one) => one.key))) {
            const times = found.filter((one) => one.key === key).map((one) => one.timestamp)
            expect(times).toEqual(times.toSorted((a, b) => a - b))
          }
          for (const task of run.tasks) expect(task.stores.size).toBe(0)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('behind each other, in one task or through a topic, lose no final of the first to lateness', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 0, max: 12 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 3 }),
        (steps, lateness, rekey, partitions) => {
          const run = new PlainRun(
            topology('app', { version: 1 }, (flow) => {
              const first = flow
                .stream(events, { outOfOrderness: milliseconds(OUT_OF_ORDERNESS) })
                .window('first', tumbling(milliseconds(5)), { lateness: milliseconds(lateness) })
                .count()
              const second = (rekey ? first.keyBy('all', () => 'all') : first)
                .window('second', tumbling(milliseconds(10)))
                .aggregate({ initial: () => 0, add: (total, { value }) => total + value })
              second.to(sums)
            }),
            { partitions },
          )
          steps.forEach(({ key, group, time, value, commit }, index) => {
            run.send('events', { key, value: { group, value }, timestamp: index + time })
            if (commit) run.commit()
          })
          run.commit()
          run.advance(1_000_000)
          run.commit()
          const total = run.read('sums').reduce((sum, { value }) => sum + (value as Windowed<number>).value, 0)
          expect(total).toBe(steps.length - run.counters('first').late)
          expect(run.counters('second').late).toBe(0)
        },
      ),
      { numRuns: 100 },
    )
  })
})
