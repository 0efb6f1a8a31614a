import { createServer } from 'node:http'
import { afterAll, describe, expect, it, jest } from '@jest/globals'
import { SchemaRegistry as Client, SchemaType } from '@kafkajs/confluent-schema-registry'
import { avro, jsonSchema, protobuf, schemaRegistry } from 'millrace/registry'
import { z } from 'zod'
import type { Format } from '../../../libs/dataflow/format.ts'
import { RecordRefused } from '../../../libs/dataflow/plan.ts'
import { Fault } from '../../../libs/faults/fault.ts'
import { registryForTests } from '../../support/registry-for-tests.ts'

jest.setTimeout(60_000)
const server = await registryForTests()
const dying = await registryForTests()
afterAll(async () => {
  await server.stop()
  await dying.stop()
})
const registry = schemaRegistry({ url: server.url })

const Ride = z.object({ rider: z.string(), seats: z.int().max(8) })
const Priced = Ride.extend({ price: z.number() })

const field = (name: string, type: string, more: object = {}) => ({ name, type, ...more })
const record = (...fields: readonly object[]) => ({ type: 'record' as const, name: 'Ride', namespace: 'city', fields: [...fields] })
const rideAvro = record(field('rider', 'string'), field('seats', 'int'))
const pricedAvro = record(field('rider', 'string'), field('seats', 'int'), field('price', 'double', { default: 1.5 }))
const proto = (fields: string): string => `syntax = "proto3"; package city; message Ride { ${fields} }`
const rideProto = proto('string rider = 1; int32 seats = 2;')
const pricedProto = proto('string rider = 1; int32 seats = 2; double price = 3;')
const rideJson = z.toJSONSchema(Ride, { target: 'draft-7' })

const formats = {
  AVRO: (from = registry) => avro({ registry: from, schema: rideAvro, value: Ride }),
  PROTOBUF: (from = registry) => protobuf({ registry: from, schema: rideProto, value: Ride }),
  JSON: (from = registry) => jsonSchema({ registry: from, schema: rideJson, value: Ride }),
}
const kinds = ['AVRO', 'PROTOBUF', 'JSON'] as const
const ann = { rider: 'ann', seats: 2 }

async function written<Write>(format: Format<unknown, Write>, topic: string, value: Write): Promise<Uint8Array> {
  await format.open?.(topic, 'value', 'write')
  return format.encode(value)
}

/** As the engine does it: prepare if need be, then decode. */
async function read<Read>(format: Format<Read, never>, bytes: Uint8Array): Promise<Read> {
  await format.prepareDecode?.(bytes)
  return format.decode(bytes)
}

async function thrown(action: Promise<unknown>): Promise<unknown> {
  return action.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  )
}

describe.each(kinds)('a topic in %s with its schema in a registry', (kind) => {
  const topic = `rides-${kind}`

  it('reads in another process what was written in this one', async () => {
    const bytes = await written(formats[kind](), topic, ann)
    const elsewhere = formats[kind](schemaRegistry({ url: server.url }))
    expect(await read(elsewhere, bytes)).toEqual(ann)
  })

  it('fetches a schema once, and decodes synchronously from then on', async () => {
    const bytes = await written(formats[kind](), topic, ann)
    const reader = formats[kind](schemaRegistry({ url: server.url }))
    expect(reader.prepareDecode?.(bytes)).toBeInstanceOf(Promise)
    await Promise.all([reader.prepareDecode?.(bytes), reader.prepareDecode?.(bytes)])
    expect(reader.prepareDecode?.(bytes)).toBeUndefined()
    expect(reader.decode(bytes)).toEqual(ann)
    expect(Object.getPrototypeOf(reader.decode(bytes))).toBe(Object.prototype)
  })

  it('registers nothing when it is only read', async () => {
    const format = formats[kind]()
    await format.open?.(`only-read-${kind}`, 'value', 'read')
    const subjects: unknown = await (await fetch(`${server.url}/subjects`)).json()
    expect(subjects).not.toContain(`only-read-${kind}-value`)
  })

  it('has the same id however often it is registered', async () => {
    const once = await written(formats[kind](), topic, ann)
    expect(await written(formats[kind](schemaRegistry({ url: server.url })), topic, ann)).toEqual(once)
  })

  it('refuses bytes that are not so: no id, an unknown id, cut off, another language', async () => {
    const reader = formats[kind]()
    const good = Buffer.from(await written(formats[kind](), topic, ann))
    const unknownId = Buffer.from(good)
    unknownId.writeInt32BE(4_711, 1)
    const other = kind === 'AVRO' ? formats.JSON() : formats.AVRO()
    expect(await thrown(read(reader, Buffer.from('{"rider":"ann"}')))).toBeInstanceOf(RecordRefused)
    expect(await thrown(read(reader, unknownId))).toMatchObject({
      reason: 'schema',
      message: expect.stringContaining('schema 4711 is not in the registry'),
    })
    expect(await thrown(read(reader, good.subarray(0, -3)))).toBeInstanceOf(Error)
    expect(await thrown(read(reader, await written(other, `other-${kind}`, ann)))).toMatchObject({ reason: 'schema' })
    expect(await read(reader, good)).toEqual(ann)
  })

  it('refuses a value that the contract of the reader does not accept', async () => {
    const bytes = await written(formats[kind](), topic, { rider: 'ann', seats: 5 })
    const Small = z.object({ rider: z.string(), seats: z.int().max(4) })
    const strict = {
      AVRO: avro({ registry, schema: rideAvro, value: Small }),
      PROTOBUF: protobuf({ registry, schema: rideProto, value: Small }),
      JSON: jsonSchema({ registry, schema: rideJson, value: Small }),
    }[kind]
    expect(await thrown(read(strict, bytes))).toMatchObject({ reason: 'schema', message: expect.stringContaining('seats') })
  })

  it('writes nothing that does not fit the schema', async () => {
    const format = formats[kind]()
    await format.open?.(topic, 'value', 'write')
    // The wrong type is the point of the test: callers in JavaScript have no compiler.
    expect(() => format.encode({ rider: 'ann', seats: 'two' } as never)).toThrow(/does not fit the .* schema.*seats/)
  })
})

describe('a schema that changes', () => {
  it('in Avro: old records get the defaults of new fields, new records are read by old schemas', async () => {
    const priced = avro({ registry, schema: pricedAvro, value: Priced })
    const old = await written(formats.AVRO(), 'evolving-avro', ann)
    const young = await written(priced, 'evolving-avro', { ...ann, price: 3 })
    expect(await read(priced, old)).toEqual({ ...ann, price: 1.5 })
    expect(await read(formats.AVRO(), young)).toEqual(ann)
  })

  it('in Protobuf: the same, with the defaults of Protobuf', async () => {
    const priced = protobuf({ registry, schema: pricedProto, value: Priced })
    const old = await written(formats.PROTOBUF(), 'evolving-protobuf', ann)
    const young = await written(priced, 'evolving-protobuf', { ...ann, price: 3 })
    expect(await read(priced, old)).toEqual({ ...ann, price: 0 })
    expect(await read(formats.PROTOBUF(), young)).toEqual(ann)
  })

  it('stops the worker when the registry calls it incompatible, and registers nothing', async () => {
    await written(formats.AVRO(), 'guarded', ann)
    const withoutDefault = record(field('rider', 'string'), field('seats', 'int'), field('price', 'double'))
    const fault = await thrown(written(avro({ registry, schema: withoutDefault, value: Priced }), 'guarded', { ...ann, price: 1 }))
    expect(fault).toBeInstanceOf(Fault)
    expect(fault).toMatchObject({ code: 'MR6902', action: 'stop', message: expect.stringContaining('guarded-value') })
    expect(await (await fetch(`${server.url}/subjects/guarded-value/versions`)).json()).toHaveLength(1)
  })

  it('refuses records whose schema ours cannot read', async () => {
    const numbers = avro({ registry, schema: record(field('rider', 'int')), value: z.object({ rider: z.int() }) })
    const bytes = await written(numbers, 'numbers', { rider: 1 })
    expect(await thrown(read(formats.AVRO(), bytes))).toMatchObject({
      reason: 'schema',
      message: expect.stringContaining('our schema cannot read'),
    })
  })
})

describe('the subject of a format', () => {
  it('keeps the level of compatibility that it has: another one stops the worker', async () => {
    await written(formats.AVRO(), 'levelled', ann)
    const full = schemaRegistry({ url: server.url, compatibility: 'FULL' })
    const priced = avro({ registry: full, schema: pricedAvro, value: Priced })
    expect(await thrown(written(priced, 'levelled', { ...ann, price: 1 }))).toMatchObject({ code: 'MR6904', action: 'stop' })
    expect(await (await fetch(`${server.url}/subjects/levelled-value/versions`)).json()).toHaveLength(1)
  })

  it('must be there when registration is off', async () => {
    const closed = schemaRegistry({ url: server.url, register: false })
    expect(await thrown(written(formats.AVRO(closed), 'nobody-registered-this', ann))).toMatchObject({ code: 'MR6904', action: 'stop' })
    const bytes = await written(formats.AVRO(), 'somebody-did', ann)
    expect(await written(formats.AVRO(closed), 'somebody-did', ann)).toEqual(bytes)
  })

  it.each([1, 2, 3, 4, 5])('is registered once when many workers start together (subject %d)', async (number) => {
    const topic = `together-${number}`
    const worker = () => written(formats.AVRO(schemaRegistry({ url: server.url })), topic, ann)
    const all = await Promise.all(Array.from({ length: 5 }, worker))
    expect(new Set(all.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(1)
    expect(await (await fetch(`${server.url}/subjects/${topic}-value/versions`)).json()).toEqual([1])
  })

  it('may be named', async () => {
    await written(avro({ registry, schema: rideAvro, value: Ride, subject: 'city.Ride' }), 'any-topic', ann)
    expect(await (await fetch(`${server.url}/subjects/city.Ride/versions`)).json()).toEqual([1])
  })
})

describe('other users of the registry', () => {
  it('read what we write in Avro and JSON, and we what they write', async () => {
    const client = new Client({ host: server.url })
    expect(await client.decode(Buffer.from(await written(formats.AVRO(), 'shared-avro', ann)))).toEqual(expect.objectContaining(ann))
    expect(await client.decode(Buffer.from(await written(formats.JSON(), 'shared-json', ann)))).toEqual(ann)
    const { id } = await client.register({ type: SchemaType.AVRO, schema: JSON.stringify(rideAvro) }, { subject: 'theirs' })
    expect(await read(formats.AVRO(), await client.encode(id, ann))).toEqual(ann)
  })
})

describe('a registry that is away', () => {
  const nowhere = schemaRegistry({ url: 'http://127.0.0.1:1', attemptsMax: 2 })

  it('is asked a bounded number of times, then the fault says retry, for reading and for writing', async () => {
    const bytes = await written(formats.AVRO(), 'rides-AVRO', ann)
    const expected = { code: 'MR6901', action: 'retry', message: expect.stringContaining('(2 attempts): connect ECONNREFUSED') }
    expect(await thrown(read(formats.AVRO(nowhere), bytes))).toMatchObject(expected)
    expect(await thrown(written(formats.AVRO(nowhere), 'rides-AVRO', ann))).toMatchObject(expected)
  })

  it('is not waited for without end', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const address = silent.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const deaf = schemaRegistry({ url: `http://127.0.0.1:${port}`, attemptsMax: 1, requestMsMax: 100 })
    expect(await thrown(written(formats.AVRO(deaf), 'rides', ann))).toMatchObject({
      code: 'MR6901',
      message: expect.stringContaining('Timeout (100ms)'),
    })
    silent.closeAllConnections()
    await new Promise((resolve) => silent.close(resolve))
  })

  it('does not stop records whose schema is known', async () => {
    const shortLived = schemaRegistry({ url: dying.url, attemptsMax: 1 })
    const format = formats.AVRO(shortLived)
    const bytes = await written(format, 'rides', ann)
    expect(await read(format, bytes)).toEqual(ann)
    await dying.stop()
    expect(await read(format, format.encode({ rider: 'bob', seats: 1 }))).toEqual({ rider: 'bob', seats: 1 })
  })

  it('is told from something that is no registry', async () => {
    const wrongPath = schemaRegistry({ url: server.url.replace('/apis/ccompat/v7', '/nothing/here'), attemptsMax: 1 })
    expect(await thrown(written(formats.AVRO(wrongPath), 'rides', ann))).toMatchObject({ code: 'MR6903', action: 'stop' })
    const bytes = await written(formats.AVRO(), 'rides-AVRO', ann)
    expect(await thrown(read(formats.AVRO(wrongPath), bytes))).toMatchObject({ code: 'MR6903', action: 'stop' })
  })
})

describe('a schema that is not valid', () => {
  it('is refused where the topic is declared, with what is wrong', () => {
    const notAvro = record(field('rider', 'strin'))
    expect(() => avro({ registry, schema: notAvro, value: Ride })).toThrow(/AVRO schema is not valid.*strin/)
    expect(() => protobuf({ registry, schema: 'message {', value: Ride })).toThrow(/PROTOBUF schema is not valid/)
    expect(() => protobuf({ registry, schema: rideProto, message: 'city.Walk', value: Ride })).toThrow(/city.Walk/)
  })

  it('in JSON is refused at the start of the worker', async () => {
    const young = jsonSchema({ registry, schema: z.toJSONSchema(Ride), value: Ride })
    expect(await thrown(written(young, 'young-json', ann))).toMatchObject({ code: 'MR6905', action: 'stop' })
  })
})
