import { describe, expect, it } from '@jest/globals'
import avsc from 'avsc'
import { avroCodec } from '../../../libs/kafka/registry-avro.ts'
import { isJsonPlain } from '../../../libs/dataflow/structured-codec.ts'

const BEFORE = Buffer.from([0, 0, 0, 0, 7])
const record = (name: string, ...fields: readonly object[]): object => ({ type: 'record', name, fields })
const field = (name: string, type: unknown, more: object = {}): object => ({ name, type, ...more })

/** Written by our schema, or by an older one, and read again. */
function through(schema: object, value: unknown, writer = schema): unknown {
  const bytes = Buffer.from(avroCodec(writer).writer(undefined)(value, BEFORE))
  expect(bytes.subarray(0, BEFORE.length)).toEqual(BEFORE)
  return avroCodec(schema).readerOf(avsc.Type.forSchema(writer as avsc.Schema))(bytes.subarray(BEFORE.length))
}

const address = record('Address', field('city', 'string'), field('zip', ['null', 'string'], { default: null }))
const order = record(
  'Order',
  field('id', 'string'),
  field('cents', 'long'),
  field('paid', 'boolean'),
  field('lines', { type: 'array', items: record('Line', field('sku', 'string'), field('count', 'int')) }),
  field('prices', { type: 'map', values: 'double' }),
  field('to', address),
  field('kind', { type: 'enum', name: 'Kind', symbols: ['NEW', 'OLD'] }),
)
const value = {
  id: 'o-1',
  cents: 9_007_199_254_740_990,
  paid: true,
  lines: [
    { sku: 'a', count: 1 },
    { sku: 'ß', count: -2 },
  ],
  prices: { net: 1.5, gross: 2 },
  to: { city: 'Bern', zip: null },
  kind: 'NEW',
}

describe('values of an Avro schema', () => {
  it('are read as they were written, as plain objects to the bottom', () => {
    const read = through(order, value)
    expect(read).toEqual(value)
    expect(isJsonPlain(read)).toBe(true)
  })

  it('are plain also where a union says which branch it is, and in a list of themselves', () => {
    const either = record('Either', field('one', ['int', record('Big', field('n', 'long')), record('Small', field('n', 'long'))]))
    const branch = { one: { Small: { n: 3 } } }
    const read = through(either, branch)
    expect(read).toEqual(branch)
    expect(isJsonPlain(read)).toBe(true)
    const list = record('List', field('head', 'int'), field('tail', ['null', 'List']))
    const three = { head: 1, tail: { head: 2, tail: { head: 3, tail: null } } }
    expect(through(list, three)).toEqual(three)
    expect(isJsonPlain(through(list, three))).toBe(true)
  })

  it('of an older schema have the defaults of ours, and larger numbers', () => {
    const older = record('Order', field('id', 'string'), field('cents', 'int'))
    const newer = record('Order', field('id', 'string'), field('cents', 'long'), field('note', 'string', { default: 'none' }))
    const read = through(newer, { id: 'o', cents: 5 }, older)
    expect(read).toEqual({ id: 'o', cents: 5, note: 'none' })
    expect(isJsonPlain(read)).toBe(true)
  })

  it('keep bytes as bytes', () => {
    const read = through(record('Blob', field('data', 'bytes')), { data: Buffer.from([0, 255]) }) as { readonly data: Uint8Array }
    expect(Buffer.from(read.data)).toEqual(Buffer.from([0, 255]))
  })

  it('may be larger than what is kept for writing, and do not get into one another', () => {
    const write = avroCodec(record('Text', field('text', 'string'))).writer(undefined)
    const texts = ['a'.repeat(20), 'b'.repeat(5_000), 'c', 'd'.repeat(300_000), 'e']
    const written = texts.map((text) => write({ text }, BEFORE))
    const type = avsc.Type.forSchema(record('Text', field('text', 'string')) as avsc.Schema)
    expect(written.map((bytes) => (type.fromBuffer(Buffer.from(bytes).subarray(BEFORE.length)) as { text: string }).text)).toEqual(texts)
  })

  it('that do not fit are refused, with each place', () => {
    const write = avroCodec(order).writer(undefined)
    expect(() => write({ ...value, cents: 'many', kind: 'NONE' }, BEFORE)).toThrow(
      'the value does not fit the Avro schema: cents is "many", kind is "NONE"',
    )
  })

  it('leave the objects of everybody else as they are', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    through(order, value)
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  })
})
