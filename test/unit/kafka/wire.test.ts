import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { kafkaSettings } from '../../../libs/kafka/kafka-options.ts'
import { ByteReader, ByteWriter } from '../../../libs/kafka/wire/bytes.ts'
import { code } from '../../../libs/kafka/wire/api.ts'
import { apiVersionsApi, metadataApi } from '../../../libs/kafka/wire/cluster-apis.ts'
import { FramedConnection } from '../../../libs/kafka/wire/framed-connection.ts'
import type { KafkajsLogger } from '../../../libs/kafka/wire/kafkajs.ts'
import { Link } from '../../../libs/kafka/wire/link.ts'
import { produceApi } from '../../../libs/kafka/wire/produce-api.ts'
import { checkVersions, requiredApis } from '../../../libs/kafka/wire/required-apis.ts'
import { checkWire } from '../../../libs/kafka/wire/self-test.ts'

const all = requiredApis.map(({ key, version }) => ({ key, min: version, max: version }))

describe('the wire', () => {
  it('takes a broker that takes each version we send, and names what another lacks', () => {
    expect(() => checkVersions('b:9092', all)).not.toThrow()
    const old = all.map((range) => (range.key === 28 ? { ...range, max: 2, min: 0 } : range)).filter(({ key }) => key !== 3)
    expect(() => checkVersions('b:9092', old)).toThrow(
      /b:9092 .*Metadata version 12 \(broker: none\), TxnOffsetCommit version 3 \(broker: 0 to 2\)/,
    )
  })

  it('finds the installed kafkajs pinned, patched and right', () => {
    expect(() => checkWire()).not.toThrow()
  })

  it('reads what it writes, and ends at the end of an answer', () => {
    const { bytes } = new ByteWriter(1)
      .int8(-1)
      .int16(-2)
      .int32(-3)
      .int64(-4)
      .int64(Number.MAX_SAFE_INTEGER)
      .string('größe')
      .nullableString(null)
      .compactString('x'.repeat(200))
      .compactNullableString(null)
      .uvarint(2 ** 31)
      .array([1, 2], () => undefined)
    const reader = new ByteReader(bytes)

    expect([reader.int8(), reader.int16(), reader.int32(), reader.int64(), reader.int64()]).toEqual([
      -1,
      -2,
      -3,
      -4,
      Number.MAX_SAFE_INTEGER,
    ])
    expect([reader.string(), reader.nullableString()]).toEqual(['größe', null])
    expect([reader.compactString(), reader.compactNullableString(), reader.uvarint()]).toEqual(['x'.repeat(200), null, 2 ** 31])
    expect(reader.int32()).toBe(2)
    expect(() => reader.int8()).toThrow(RangeError)
    expect(() => new ByteReader(Buffer.from([0x7f, 0xff, 0xff, 0xff])).array(() => 0)).toThrow(/2147483647 items in 0 bytes/)
  })

  it('refers to large values instead of copying them, and says the same as one', () => {
    const large = Buffer.alloc(100_000, 'l')
    const writer = new ByteWriter().int16(1).bytesField(large).int32(2).bytesField(large).string('end')
    expect(writer.parts.filter((part) => part === large)).toHaveLength(2)
    expect(writer.size).toBe(2 + 4 + 100_000 + 4 + 4 + 100_000 + 5)
    expect(Buffer.concat(writer.parts).equals(writer.bytes)).toBe(true)
    const reader = new ByteReader(writer.bytes)
    expect([reader.int16(), reader.bytesField().equals(large), reader.int32()]).toEqual([1, true, 2])
    expect([reader.bytesField().equals(large), reader.string()]).toEqual([true, 'end'])
    expect(new ByteWriter().bytesField(large).parts.at(-1)).toBe(large)
  })
})

const quiet = (): void => undefined
const logger: KafkajsLogger = { namespace: () => logger, debug: quiet, info: quiet, warn: quiet, error: quiet }

const connectionTo = (port: number): FramedConnection =>
  new FramedConnection({
    host: '127.0.0.1',
    port,
    clientId: 'test',
    logger,
    ssl: null,
    sasl: null,
    connectionTimeout: 1_000,
    requestTimeout: 1_000,
  })

describe('a link', () => {
  const closers: (() => void)[] = []
  afterEach(() => {
    for (const close of closers.splice(0)) close()
  })

  /** A broker that answers ApiVersions, and everything else as it is told. */
  async function fakeBroker(onOther: (answer: () => void, end: () => void) => void, clusterId = 'id'): Promise<Link> {
    const server = createServer((socket) => {
      socket.on('data', (request: Buffer) => {
        const [key, correlation] = [request.readInt16BE(4), request.readInt32BE(8)]
        const reply = (write: (writer: ByteWriter) => void): void => {
          const body = new ByteWriter().int32(correlation)
          write(body)
          socket.write(new ByteWriter().bytesField(body.bytes).bytes)
        }
        if (key === apiVersionsApi.key)
          reply((writer) => writer.int16(code.NONE).array(all, (range) => writer.int16(range.key).int16(range.min).int16(range.max)))
        else
          onOther(
            () => reply((writer) => writer.noTags().int32(0).uvarint(1).compactString(clusterId).int32(7).uvarint(1).noTags()),
            () => socket.destroy(),
          )
      })
      socket.on('error', () => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // a TCP server that listens
    const link = new Link(
      { host: '127.0.0.1', port },
      kafkaSettings({ brokers: [`127.0.0.1:${port}`], requestTimeoutMs: 200, connectTimeoutMs: 1_000 }),
    )
    closers.push(() => {
      link.close()
      server.close()
    })
    return link
  }

  it('says that a request without an answer was sent, and works again on a new connection', async () => {
    let asked = 0
    const link = await fakeBroker((answer, end) => {
      asked++
      if (asked === 1) end()
      // The second is never answered.
      if (asked === 3) answer()
    })

    await expect(link.send(metadataApi, { topics: [] })).rejects.toMatchObject({ name: 'NoAnswer', wasSent: true })
    await expect(link.send(metadataApi, { topics: [] })).rejects.toMatchObject({ name: 'NoAnswer', wasSent: true })
    expect(link.isConnected).toBe(false)
    expect(await link.send(metadataApi, { topics: [] })).toMatchObject({ clusterId: 'id', controller: 7 })
  })

  it('says that a request was not sent when nobody listens, or when it is closed', async () => {
    const nowhere = new Link({ host: '127.0.0.1', port: 1 }, kafkaSettings({ brokers: ['127.0.0.1:1'] }))
    await expect(nowhere.send(metadataApi, { topics: [] })).rejects.toMatchObject({ name: 'NoAnswer', wasSent: false })
    nowhere.close()
    await expect(nowhere.send(metadataApi, { topics: [] })).rejects.toMatchObject({ name: 'NoAnswer', wasSent: false })
  })

  it('fails what is asked at the moment when it is closed', async () => {
    const link = await fakeBroker((answer) => answer())
    await link.send(metadataApi, { topics: [] })
    const asked = link.send(metadataApi, { topics: [] })
    link.close()
    await expect(asked).rejects.toMatchObject({ name: 'NoAnswer' })
  })

  it('sends a large request as it says it is', async () => {
    const server = createServer()
    closers.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // a TCP server that listens
    const received = new Promise<Buffer>((resolve) => {
      server.on('connection', (socket) => {
        const chunks: Buffer[] = []
        socket.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          const all = Buffer.concat(chunks)
          if (all.length < 4 || all.length < 4 + all.readInt32BE(0)) return
          resolve(all)
          socket.destroy()
        })
      })
    })
    const connection = connectionTo(port)
    await connection.connect()
    const batch = Buffer.alloc(300_000, 'b')
    const request = { transactionalId: 't', timeoutMs: 1, partitions: [{ topic: 'rides', partition: 3, batch }] }
    await expect(connection.ask(produceApi, request, 0)).rejects.toThrow('Closed connection')
    const reader = new ByteReader(await received)
    const size = reader.int32()
    expect([reader.int16(), reader.int16(), reader.int32(), reader.string()]).toEqual([0, produceApi.version, 0, 'test'])
    expect([reader.nullableString(), reader.int16(), reader.int32()]).toEqual(['t', -1, 1])
    expect([reader.int32(), reader.string(), reader.int32(), reader.int32()]).toEqual([1, 'rides', 1, 3])
    expect(reader.bytesField().equals(batch)).toBe(true)
    expect(size).toBe((await received).length - 4)
  })

  it('receives an answer that is larger than what a socket reads at once', async () => {
    const id = 'x'.repeat(3_000_000)
    const link = await fakeBroker((answer) => answer(), id)
    for (let turn = 0; turn < 3; turn += 1) expect((await link.send(metadataApi, { topics: [] })).clusterId === id).toBe(true)
  })

  it('knows nothing on a new connection of what the one before had received', async () => {
    let connections = 0
    const server = createServer((socket) => {
      connections += 1
      const isFirst = connections === 1
      socket.on('data', (request: Buffer) => {
        const body = new ByteWriter().int32(request.readInt32BE(8)).int16(code.NONE)
        const answer = new ByteWriter().bytesField(
          body.array(all, (range) => body.int16(range.key).int16(range.min).int16(range.max)).bytes,
        ).bytes
        if (isFirst) socket.end(answer.subarray(0, answer.length - 3))
        else socket.write(answer)
      })
    })
    closers.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // a TCP server that listens
    for (const expected of ['Closed connection', undefined]) {
      const connection = connectionTo(port)
      await connection.connect()
      const asked = connection.ask(apiVersionsApi, undefined, 0)
      if (expected === undefined) expect((await asked).ranges).toHaveLength(all.length)
      else await expect(asked).rejects.toThrow(expected)
      await connection.disconnect()
    }
  })

  it('says at once that whoever answers is no broker', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))
    closers.push(() => server.close())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo // a TCP server that listens
    const connection = connectionTo(port)
    await connection.connect()
    await expect(connection.ask(apiVersionsApi, undefined, 0)).rejects.toThrow('this is no Kafka broker, or it expects TLS')
  })

  it('fails what is under way when it is closed', async () => {
    const reached = Promise.withResolvers<void>()
    const link = await fakeBroker(() => reached.resolve())
    const asked = link.send(metadataApi, { topics: [] })
    await reached.promise
    link.close()
    await expect(asked).rejects.toMatchObject({ name: 'NoAnswer', wasSent: true })
  })
})
