/**
 * A broker that a test scripts: one node, leader and coordinator of everything. It answers what a healthy broker would, unless
 * the script says otherwise for the n-th request of an API, and remembers every request it got.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { code } from '../../../libs/kafka/wire/api.ts'
import { ByteReader, ByteWriter } from '../../../libs/kafka/wire/bytes.ts'
import { requiredApis } from '../../../libs/kafka/wire/required-apis.ts'

/** An error code; `end`: the connection is cut instead of an answer; `silent`: no answer ever. */
export type Script = number | 'end' | 'silent'

export interface FakeBroker {
  readonly address: string
  /** Names of the requests in the order of their arrival, but the handshake and Metadata. */
  readonly requests: string[]
  /** The body of each Produce request. */
  readonly produced: Buffer[]
  close(): void
}

const TOPIC = 'rides'
const API_VERSIONS = 18
const names = new Map([...requiredApis.map(({ key, name }) => [key, name] as const), [API_VERSIONS, 'ApiVersions']])
const flexible: ReadonlySet<string> = new Set(['Metadata', 'TxnOffsetCommit', 'OffsetFetch'])

/** `script` gives, for an API, what happens to its first, second ... request; afterwards all goes well. */
export async function fakeBroker(script: Readonly<Record<string, readonly Script[]>>): Promise<FakeBroker> {
  const requests: string[] = []
  const produced: Buffer[] = []
  const sockets = new Set<Socket>()
  const counts = new Map<string, number>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let held = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (bytes: Buffer) => {
      held = Buffer.concat([held, bytes])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const request = held.subarray(4, 4 + held.readInt32BE(0))
        held = held.subarray(4 + request.length)
        answer(socket, request)
      }
    })
  })

  function answer(socket: Socket, request: Buffer): void {
    const header = new ByteReader(request)
    const name = names.get(header.int16()) ?? 'unknown'
    header.int16()
    const correlation = header.int32()
    header.nullableString()
    if (name !== 'ApiVersions' && name !== 'Metadata') requests.push(name)
    if (name === 'Produce') produced.push(Buffer.from(request.subarray(request.length - header.left)))
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    const act = script[name]?.[count] ?? code.NONE
    if (act === 'silent') return
    if (act === 'end') return void socket.destroy()
    const body = new ByteWriter().int32(correlation)
    if (flexible.has(name)) body.noTags()
    answers[name]?.(body, act, port())
    socket.write(new ByteWriter().bytesField(body.bytes).bytes)
  }

  const port = (): number => (server.address() as AddressInfo).port // a TCP server that listens
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${port()}`,
    requests,
    produced,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const onePartition = (writer: ByteWriter, error: number): ByteWriter => writer.int32(1).string(TOPIC).int32(1).int32(0).int16(error)

const answers: Readonly<Record<string, (writer: ByteWriter, error: number, port: number) => unknown>> = {
  ApiVersions: (writer, error) =>
    writer.int16(error).array([...names.keys()], (key) => {
      const version = requiredApis.find((api) => api.key === key)?.version ?? 0
      writer.int16(key).int16(0).int16(version)
    }),
  Metadata: (writer, error, port) => {
    writer.int32(0).uvarint(2).int32(1).compactString('127.0.0.1').int32(port).compactNullableString(null).noTags()
    writer.compactString('fake').int32(1)
    writer.uvarint(2).int16(error).compactString(TOPIC).int64(1).int64(1).boolean(false)
    writer.uvarint(2).int16(0).int32(0).int32(1).int32(0).uvarint(1).uvarint(1).uvarint(1).noTags()
    writer.int32(0).noTags().noTags()
  },
  FindCoordinator: (writer, error, port) => writer.int32(0).int16(error).nullableString(null).int32(1).string('127.0.0.1').int32(port),
  InitProducerId: (writer, error) => writer.int32(0).int16(error).int64(7).int16(3),
  AddPartitionsToTxn: (writer, error) => onePartition(writer.int32(0), error),
  AddOffsetsToTxn: (writer, error) => writer.int32(0).int16(error),
  EndTxn: (writer, error) => writer.int32(0).int16(error),
  Produce: (writer, error) => onePartition(writer, error).int64(40).int64(-1).int64(0).int32(0).nullableString(null).int32(0),
  TxnOffsetCommit: (writer, error) =>
    writer.int32(0).uvarint(2).compactString(TOPIC).uvarint(2).int32(0).int16(error).noTags().noTags().noTags(),
}
