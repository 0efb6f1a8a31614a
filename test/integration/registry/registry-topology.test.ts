import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, it, jest } from '@jest/globals'
import { text, topic, topology } from 'millrace'
import type { Format, Topology } from 'millrace'
import { avro, protobuf, schemaRegistry } from 'millrace/registry'
import { z } from 'zod'
import { planOf } from '../../../libs/dataflow/topology.ts'
import { memoryLog } from '../../../libs/memory/memory-log.ts'
import { resolveSettings } from '../../../libs/runtime/settings/configuration.ts'
import { NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import { systemClock } from '../../../libs/runtime/ports/clock.ts'
import { Worker } from '../../../libs/runtime/worker/worker.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import { committedRecords } from '../../../libs/testing/driver-topic.ts'
import { eventually } from '../../support/eventually.ts'
import { registryForTests } from '../../support/registry-for-tests.ts'

jest.setTimeout(60_000)
const server = await registryForTests()
afterAll(() => server.stop())

const Ride = z.object({ rider: z.string(), seats: z.int() })
const rideAvro = {
  type: 'record',
  name: 'Ride',
  fields: [
    { name: 'rider', type: 'string' },
    { name: 'seats', type: 'int' },
  ],
}
const rideProto = 'syntax = "proto3"; message Ride { string rider = 1; int32 seats = 2; }'

/** The real registry, behind a door that can be shut. */
async function behindADoor() {
  const target = new URL(server.url)
  let isOpen = true
  const door = createServer((incoming, answer) => {
    if (!isOpen) return void incoming.socket.destroy()
    const { method, headers } = incoming
    const onward = request({ host: target.hostname, port: target.port, path: incoming.url, method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 500, reply.headers)
      reply.pipe(answer)
    })
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  // A TCP server's address is no text.
  const { port } = door.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}${target.pathname}`,
    shut: () => {
      isOpen = false
    },
    open: () => {
      isOpen = true
    },
    close: () => new Promise((resolve) => door.close(resolve)),
  }
}

async function written<Write>(format: Format<unknown, Write>, name: string, value: Write): Promise<Uint8Array> {
  await format.open?.(name, 'value', 'write')
  return format.encode(value)
}

/** A worker over the in-memory log, in real time. */
async function working(application: Topology, topics: readonly string[]) {
  const log = memoryLog()
  await log.admin.createTopics(topics.map((name) => ({ name, partitions: 1, replicationFactor: 1, config: {} })))
  const notes: string[] = []
  const worker = new Worker({
    plan: planOf(application),
    log: log.connect(),
    stores: memoryHome(),
    clock: systemClock,
    settings: { ...resolveSettings({ readSecret: () => '' }), commitIntervalMs: 10 },
    note: (_level, message) => void notes.push(message),
  })
  await worker.start()
  const send = (name: string, value: Uint8Array) =>
    log.append([{ topic: name, partition: 0, records: [{ key: Buffer.from('k'), value, timestamp: Date.now(), headers: NO_HEADERS }] }])
  const stop = async (): Promise<void> => {
    await worker.stop()
    await log.close()
  }
  const values = (name: string) => committedRecords(log, name, 0).map(({ value }) => value ?? new Uint8Array())
  return { notes, send, values, stop }
}

function largeRides(url: string) {
  const registry = schemaRegistry({ url, attemptsMax: 1 })
  const format = avro({ registry, schema: rideAvro, value: Ride })
  const sink = protobuf({ registry, schema: rideProto, value: Ride })
  const rides = topic('rides', { key: text, value: format })
  const large = topic('large-rides', { key: text, value: sink })
  const application = topology('typed', { version: 1 }, (flow) => {
    flow
      .stream(rides)
      .filter((ride) => ride.seats > 4)
      .to(large)
  })
  return { application, sink }
}

const producer = avro({ registry: schemaRegistry({ url: server.url }), schema: rideAvro, value: Ride })
const bob = { rider: 'bob', seats: 6 }

describe('a topology whose topics are in a registry', () => {
  it('reads Avro, writes Protobuf, and sets aside what has an unknown schema', async () => {
    const { application, sink } = largeRides(server.url)
    const good = await written(producer, 'rides', bob)
    const unknownId = Buffer.from(good)
    unknownId.writeInt32BE(4_711, 1)

    const { send, values, stop } = await working(application, ['rides', 'large-rides'])
    for (const value of [good, unknownId, good]) await send('rides', value)

    await eventually(() => expect(values('large-rides')).toHaveLength(2))
    expect(values('large-rides').map((value) => sink.decode(value))).toEqual([bob, bob])
    expect(values('typed.v1.dead-letters')).toEqual([unknownId])
    await stop()
  })

  it('waits while the registry is away, loses nothing, and goes on when it is back', async () => {
    const door = await behindADoor()
    const { application } = largeRides(door.url)
    const { notes, send, values, stop } = await working(application, ['rides', 'large-rides'])
    door.shut()
    await send('rides', await written(producer, 'rides', bob))

    await eventually(() => expect(notes.filter((note) => note.includes('does not answer')).length).toBeGreaterThan(1))
    expect(values('large-rides')).toEqual([])
    door.open()

    await eventually(() => expect(values('large-rides')).toHaveLength(1))
    expect(values('typed.v1.dead-letters')).toEqual([])
    await stop()
    await door.close()
  })

  it('does not start when the registry refuses the schema of its output', async () => {
    const other = avro({
      registry: schemaRegistry({ url: server.url }),
      schema: { type: 'record', name: 'Other', fields: [{ name: 'x', type: 'int' }] },
      value: z.object({ x: z.int() }),
      subject: 'taken-value',
    })
    await written(other, 'taken', { x: 1 })
    const rides = topic('rides', { key: text, value: producer })
    const taken = topic('taken', {
      key: text,
      value: avro({ registry: schemaRegistry({ url: server.url }), schema: rideAvro, value: Ride }),
    })
    const application = topology('refused', { version: 1 }, (flow) => flow.stream(rides).to(taken))
    await expect(working(application, ['rides', 'taken'])).rejects.toMatchObject({ code: 'MR6902', action: 'stop' })
  })
})
