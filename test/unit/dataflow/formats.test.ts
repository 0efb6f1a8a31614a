import { describe, expect, it } from '@jest/globals'
import { bytes, int64, json, none, nullable, structured, text, type, windowed } from 'millrace'
import { z } from 'zod'
import { copyOf, decodeStructured, encodeStructured, isJsonPlain } from '../../../libs/dataflow/structured-codec.ts'

const refused = (reason: string, message: RegExp): unknown =>
  expect.objectContaining({ name: 'RecordRefused', reason, message: expect.stringMatching(message) as unknown })

const asText = (encoded: Uint8Array): string => Buffer.from(encoded).toString('utf8')

describe('text', () => {
  it('is UTF-8 both ways', () => {
    expect(text.decode(text.encode('Zürich 🚕 \ufffd'))).toBe('Zürich 🚕 \ufffd')
  })

  it('refuses bytes that are no UTF-8 instead of replacing them', () => {
    expect(() => text.decode(Buffer.from([0x61, 0xff]))).toThrow(refused('value', /not UTF-8/))
  })
})

describe('int64, bytes, none and nullable', () => {
  it('int64 is eight bytes, big endian, as Java writes a long', () => {
    expect(Buffer.from(int64.encode(-2n)).toString('hex')).toBe('fffffffffffffffe')
    expect(int64.decode(int64.encode(2n ** 62n))).toBe(2n ** 62n)
    expect(() => int64.decode(Buffer.alloc(4))).toThrow(refused('value', /4 bytes where int64 has 8/))
  })

  it('bytes go as they are', () => {
    const raw = Buffer.from([1, 2, 3])
    expect(bytes.encode(raw)).toBe(raw)
    expect(bytes.decode(raw)).toBe(raw)
  })

  it('none and nullable say that null is one of their values; others do not', () => {
    expect([none.acceptsNull, nullable(text).acceptsNull, text.acceptsNull]).toEqual([true, true, undefined])
    expect(nullable(text).decode(Buffer.from('a'))).toBe('a')
  })

  it('nullable keeps what a format of a registry must do first', async () => {
    const opened: string[] = []
    const format = nullable({
      ...text,
      open: (topic: string) => {
        opened.push(topic)
        return Promise.resolve()
      },
    })
    await format.open?.('orders', 'value')
    expect(opened).toEqual(['orders'])
  })

  it('a windowed key is the key and two times', () => {
    const format = windowed(text)
    const key = ['zürich', { start: 60_000, end: 120_000 }] as const
    expect(format.decode(format.encode(key))).toEqual(key)
    expect(() => format.decode(Buffer.alloc(8))).toThrow(refused('value', /windowed key/))
  })
})

const Order = z.object({ id: z.string(), total: z.number().positive() })

describe('json with a schema', () => {
  const order = json(Order)

  it('reads what the schema accepts', () => {
    expect(order.decode(Buffer.from('{"id":"a","total":3}'))).toEqual({ id: 'a', total: 3 })
  })

  it.each([
    ['not JSON', Buffer.from('{"id":'), 'value', /not JSON/],
    ['no text', Buffer.from([0xff, 0xfe]), 'value', /not UTF-8/],
    ['invalid UTF-8 inside of a string', Buffer.from([0x22, 0xc3, 0x22]), 'value', /not UTF-8/],
    ['empty', Buffer.alloc(0), 'value', /not JSON/],
    ['another shape', Buffer.from('{"id":7,"total":-1}'), 'schema', /^id: .*; total: /],
  ])('refuses a record that is %s', (_, raw, reason, message) => {
    expect(() => order.decode(raw)).toThrow(refused(reason, message))
  })

  it('checks what is written, and names the field', () => {
    expect(() => order.encode({ id: 'a', total: -3 })).toThrow(refused('schema', /^total: /))
  })

  it('writes no field that the schema does not know', () => {
    const wider = { id: 'a', total: 3, secret: 'x' }
    expect(asText(order.encode(wider))).toBe('{"id":"a","total":3}')
  })

  it('fills in defaults', () => {
    const format = json(z.object({ id: z.string(), kind: z.string().default('plain') }))
    expect(asText(format.encode({ id: 'a' }))).toBe('{"id":"a","kind":"plain"}')
  })

  it('writes the value as given where the schema transforms it, so that it can be read again', () => {
    const format = json(z.object({ at: z.string().transform((at) => new Date(at)), extra: z.string().optional() }))
    const written = format.encode({ at: '2026-03-01T10:00:00Z' })
    expect(asText(written)).toBe('{"at":"2026-03-01T10:00:00Z"}')
    expect(format.decode(written)).toEqual({ at: new Date('2026-03-01T10:00:00Z') })
  })

  it('writes the value as given where the schema renames a field', () => {
    const format = json(z.object({ a: z.number() }).transform(({ a }) => ({ b: a })))
    const written = format.encode({ a: 1 })
    expect(asText(written)).toBe('{"a":1}')
    expect(format.decode(written)).toEqual({ b: 1 })
  })

  it('says that a schema with asynchronous checks cannot be used', () => {
    const format = json(z.string().refine(() => Promise.resolve(true)))
    const asynchronous = { '~standard': { version: 1, vendor: 'mine', validate: () => Promise.resolve({ value: 'a' }) } } as const
    expect(() => json(asynchronous).decode(Buffer.from('"a"'))).toThrow(
      expect.objectContaining({
        name: 'Fault',
        code: 'MR6003',
        message: expect.stringMatching(/a schema of mine answers by a promise/) as unknown,
      }),
    )
    expect(() => format.decode(Buffer.from('"a"'))).toThrow()
  })

  it('with type() is plain JSON: nothing is checked', () => {
    const trusting = json(type<{ readonly a: number }>())
    expect(trusting.decode(Buffer.from('{"b":1}'))).toEqual({ b: 1 })
    expect(asText(trusting.encode({ a: 1 }))).toBe('{"a":1}')
  })

  it('refuses to write what has no JSON text', () => {
    // As a cast or plain JavaScript would.
    const anything = json(type<unknown>())
    expect(() => anything.encode(undefined)).toThrow(refused('value', /no JSON text/))
  })
})

function circle(): object {
  const one: { self?: unknown } = {}
  one.self = one
  return one
}

/** [1, hole, 3] */
function holed(): number[] {
  const array = [1]
  array[2] = 3
  return array
}

const odd: readonly (readonly [string, unknown])[] = [
  ['a Date', new Date(5)],
  ['a bigint', 12345678901234567890n],
  ['a Map', new Map([['a', new Map([[1, 2]])]])],
  ['a Set', new Set([1, 'a'])],
  ['bytes', new Uint8Array([1, 2, 3])],
  ['undefined', undefined],
  ['an undefined field', { a: undefined, b: 1 }],
  ['-0', -0],
  ['NaN', NaN],
  ['Infinity', [Infinity, -Infinity]],
  ['a hole', holed()],
  ['fields called as our tags', { $: 'date', v: 1, deep: new Set([{ $: 1n }]) }],
  ['a field called __proto__', JSON.parse('{"__proto__": 1, "a": {"__proto__": {"b": 2}}}')],
  ['an empty Map in a Map', new Map([[new Map(), new Date(1)]])],
  ['null', null],
  ['text', 'Zürich "🚕" \ud800'],
  ['plain data', { a: [1, 2, { b: null }], 'c d': true, e: '' }],
]

describe('the structured form', () => {
  it.each(odd)('gives back %s', (_, value) => {
    expect(decodeStructured(encodeStructured(value))).toStrictEqual(value)
    expect(copyOf(value)).toStrictEqual(value)
  })

  it('is plain JSON text where that loses nothing', () => {
    expect(asText(encodeStructured({ a: [1, 'b', null] }))).toBe('{"a":[1,"b",null]}')
    expect(isJsonPlain({ a: new Date(0) })).toBe(false)
  })

  class Money {
    readonly cents = 5
  }

  it.each([
    ['an instance of a class', { price: new Money() }, /an instance of Money cannot be kept/],
    ['a function', { later: () => 1 }, /a function cannot be kept/],
    ['a value that refers to itself', circle(), /refers to itself/],
    ['a pattern', /x/, /an instance of RegExp/],
  ])('refuses %s, which would not come back as it was', (_, value, message) => {
    expect(() => encodeStructured(value)).toThrow(message)
  })

  it('is a format for topics, with a schema', () => {
    const format = structured(z.object({ at: z.date(), by: z.map(z.string(), z.bigint()) }))
    const value = { at: new Date(1), by: new Map([['a', 1n]]) }
    expect(format.decode(format.encode(value))).toEqual(value)
    expect(() => format.decode(Buffer.from('{'))).toThrow(refused('value', /structured/))
    expect(() => format.decode(encodeStructured({ at: 1 }))).toThrow(refused('schema', /at: /))
  })
})
