/** Laws of tables, timers, keys and the structured form. */
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { json, milliseconds, text, topic, topology, type } from 'millrace'
import type { Change, Key } from 'millrace'
import { keyFromBytes, keyToBytes } from '../../libs/dataflow/key-bytes.ts'
import { murmur2 } from '../../libs/dataflow/murmur2.ts'
import { decodeStructured, encodeStructured } from '../../libs/dataflow/structured-codec.ts'
import { PlainRun } from '../support/plain-run.ts'

interface Row {
  readonly group: string
  readonly size: number
}
const rows = topic('rows', { key: text, value: json(type<Row>()) })
const totals = topic('totals', { key: text, value: json(type<number>()) })
const changes = topic('changes', { key: text, value: json(type<Change<Row>>()) })
const fired = topic('fired', { key: text, value: json(type<string>()) })

const edit = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  row: fc.option(fc.record({ group: fc.constantFrom('x', 'y'), size: fc.integer({ min: 1, max: 9 }) }), { nil: undefined }),
  commit: fc.boolean(),
})

describe('tables', () => {
  it('have changes that lead from nothing to the rows, and groups that sum up to what the rows say', () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 50 }), fc.integer({ min: 1, max: 3 }), (edits, partitions) => {
        const run = new PlainRun(
          topology('app', { version: 1 }, (flow) => {
            const big = flow.table(rows).filter((row) => row.size > 2)
            big.changes().to(changes)
            big
              .groupBy('group', (row) => row.group)
              .aggregate('sizes', { initial: () => 0, add: (sum, row) => sum + row.size, subtract: (sum, row) => sum - row.size })
              .to(totals)
          }),
          { partitions },
        )
        const truth = new Map<string, Row>()
        for (const { key, row, commit } of edits) {
          run.send('rows', { key, value: row })
          if (row === undefined) truth.delete(key)
          else truth.set(key, row)
          if (commit) run.commit()
        }
        run.commit()
        const folded = new Map<string, Row>()
        for (const { key, value } of run.read('changes')) {
          const { before, after } = value as Change<Row>
          expect(folded.get(String(key))).toEqual(before)
          if (after === undefined) folded.delete(String(key))
          else folded.set(String(key), after)
        }
        const kept = new Map([...truth].filter(([, row]) => row.size > 2))
        expect(folded).toEqual(kept)
        const sums = new Map<string, number>()
        for (const { group, size } of kept.values()) sums.set(group, (sums.get(group) ?? 0) + size)
        const seen = new Map([...new Map(run.pairs('totals'))].filter(([, sum]) => sum !== 0))
        expect(seen).toEqual(sums)
      }),
      { numRuns: 200 },
    )
  })
})

type Act =
  | { readonly kind: 'set'; readonly key: string; readonly timer: 'one' | 'two'; readonly after: number }
  | { readonly kind: 'cancel'; readonly key: string; readonly timer: 'one' | 'two' }
  | { readonly kind: 'time'; readonly by: number }
  | { readonly kind: 'restart' }
const keys = fc.constantFrom('a', 'b', 'c')
const timers = fc.constantFrom('one' as const, 'two' as const)
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('set' as const), key: keys, timer: timers, after: fc.integer({ min: -5, max: 20 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), key: keys, timer: timers }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('time' as const), by: fc.integer({ min: 0, max: 15 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)
const commands = topic('commands', { key: text, value: json(type<readonly [timer: 'one' | 'two', at: number | undefined]>()) })

describe('timers', () => {
  it('fire exactly when the model says: the last setting of each key and name, in order of time, over restarts', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const run = new PlainRun(
          topology('app', { version: 1 }, (flow) =>
            flow
              .stream(commands, { outOfOrderness: milliseconds(1_000_000) })
              .process('timers', {
                timers: { one: 'event-time', two: 'event-time' },
                emits: type<string>(),
                onRecord: ([timer, at], context) =>
                  at === undefined || at === null ? context.timers[timer].cancel() : context.timers[timer].at(at),
                onTimer: { one: (at, { emit, key }) => emit(`${at} one ${key}`), two: (at, { emit, key }) => emit(`${at} two ${key}`) },
              })
              .to(fired),
          ),
        )
        let now = 0
        run.advance(now)
        const model = new Map<string, number>()
        const expected: string[] = []
        const fire = (): void => {
          const due = [...model].filter(([, at]) => at <= now)
          for (const [name, at] of due.toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))) {
            expected.push(`${at} ${name}`)
            model.delete(name)
          }
        }
        for (const one of acts) {
          if (one.kind === 'time') run.advance((now += one.by))
          else if (one.kind === 'restart') {
            run.commit()
            run.tasks[0]?.crash()
          } else {
            const at = one.kind === 'set' ? Math.max(0, now + one.after) : undefined
            run.send('commands', { key: one.key, value: [one.timer, at], timestamp: 0 })
            if (at === undefined) model.delete(`${one.timer} ${one.key}`)
            else model.set(`${one.timer} ${one.key}`, at)
          }
          fire()
        }
        expect(run.pairs('fired').map(([, value]) => value)).toEqual(expected)
        expect(run.tasks[0]?.stores.size).toBe(2 * model.size)
      }),
      { numRuns: 300 },
    )
  })
})

const key: fc.Arbitrary<Key> = fc.letrec<{ key: Key }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true }).map((number) => (number === 0 ? 0 : number)),
    fc.bigInt(),
    fc.boolean(),
    fc.array(tie('key'), { maxLength: 4 }),
  ),
})).key

describe('keys by shape', () => {
  it('come back from their bytes, and different keys have different bytes', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        expect(keyFromBytes(keyToBytes(one))).toEqual(one)
        expect(keyToBytes(one) === keyToBytes(other)).toBe(JSON.stringify([one], shown) === JSON.stringify([other], shown))
      }),
      { numRuns: 1_000 },
    )
  })

  it('sort as numbers and bigints do', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), fc.bigInt(), fc.bigInt(), (a, b, c, d) => {
        if (a < b) expect(keyToBytes(a) < keyToBytes(b)).toBe(true)
        if (c < d) expect(keyToBytes(c) < keyToBytes(d)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it('hash to 32 bits, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (raw) => {
        const hash = murmur2(Buffer.from(raw).toString('latin1'))
        expect(hash).toBe(hash | 0)
      }),
    )
  })
})

/** JSON that tells kinds and special numbers apart. */
function shown(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return `#${value}`
  return typeof value === 'string' ? `'${Buffer.from(value, 'utf16le').toString('hex')}` : value
}

describe('the structured form', () => {
  it('gives back any data', () => {
    const data = fc.anything({
      // An invalid date is equal to nothing, also not to itself.
      values: [
        fc.string({ unit: 'binary' }),
        fc.double(),
        fc.boolean(),
        fc.constantFrom(null, undefined),
        fc.date({ noInvalidDate: true }),
      ],
      withBigInt: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
    })
    fc.assert(
      fc.property(data, (value) => {
        expect(decodeStructured(encodeStructured(value))).toStrictEqual(value)
      }),
      { numRuns: 1_000 },
    )
  })
})
