import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batches } from '../../../libs/command/commands/load.ts'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { memoryWorld, type MemoryWorld } from './memory-world.ts'
import { millrace, type Said } from './terminal.ts'

let world: MemoryWorld
let directory: string
afterEach(() => world.cluster.close())
beforeEach(() => {
  world = memoryWorld()
  directory = mkdtempSync(join(tmpdir(), 'millrace-'))
})

const load = (...words: string[]): Promise<Said> => millrace(['load', ...words, '--brokers', 'memory:1'], { world, directory })

interface Loaded {
  readonly key: string | undefined
  readonly value: string
  readonly timestamp: number
}

/** What stands in the partitions of a topic. */
const read = (topic: string, partitions: number): Loaded[][] =>
  Array.from({ length: partitions }, (_, partition) =>
    world.cluster
      .entries(topic, partition)
      .map(({ record }) => ({ key: textOf(record.key), value: textOf(record.value) ?? '', timestamp: record.timestamp })),
  )

const textOf = (bytes: Uint8Array | null): string | undefined => (bytes === null ? undefined : Buffer.from(bytes).toString())

describe('millrace load', () => {
  it('writes the records in order of time, under their key, at their time', async () => {
    writeFileSync(join(directory, 'in.json'), '{"who":"b","at":2000}\n{"who":"a","at":1000}\n')
    const { code, out } = await load('in.json', '--topic', 't', '--key', 'who', '--time', 'at', '--partitions', '1')
    expect(code).toBe(exitCodes.ok)
    expect(out).toContain('2 records to t (1 partitions), 1970-01-01T00:00:01.000Z to 1970-01-01T00:00:02.000Z')
    expect(read('t', 1)).toEqual([
      [
        { key: 'a', value: '{"who":"a","at":1000}', timestamp: 1_000 },
        { key: 'b', value: '{"who":"b","at":2000}', timestamp: 2_000 },
      ],
    ])
  })

  it('creates the topic so that records of the past are kept', async () => {
    writeFileSync(join(directory, 'in.json'), '[{"a":1}]')
    await load('in.json', '--topic', 't', '--partitions', '3')
    expect(await world.cluster.admin.topicConfig('t')).toMatchObject({ 'retention.ms': '-1' })
    expect((await world.cluster.admin.describeTopics(['t'])).get('t')?.partitions).toBe(3)
  })

  it('puts equal keys into one partition, as Java clients do', async () => {
    writeFileSync(join(directory, 'in.json'), JSON.stringify(Array.from({ length: 50 }, (_, n) => ({ k: `key-${n % 5}`, n }))))
    await load('in.json', '--topic', 't', '--key', 'k', '--partitions', '4')
    const homes = new Map<string, Set<number>>()
    for (const [partition, records] of read('t', 4).entries())
      for (const { key = '' } of records) homes.set(key, (homes.get(key) ?? new Set()).add(partition))
    expect([...homes.values()].map((partitions) => partitions.size)).toEqual([1, 1, 1, 1, 1])
    // Utils.toPositive(Utils.murmur2(...)) % 4 of the Java client.
    expect([homes.get('key-0'), homes.get('key-1')]).toEqual([new Set([1]), new Set([0])])
  })

  it('spreads records without a key over all partitions', async () => {
    writeFileSync(join(directory, 'in.json'), JSON.stringify([{}, {}, {}, {}]))
    await load('in.json', '--topic', 't', '--partitions', '2')
    expect(read('t', 2).map((records) => records.length)).toEqual([2, 2])
  })

  it('loads no more than it is told to', async () => {
    writeFileSync(join(directory, 'in.json'), '[{"at":3},{"at":1},{"at":2}]')
    const { out } = await load('in.json', '--topic', 't', '--time', 'at', '--limit', '2', '--partitions', '1', '--json')
    expect(JSON.parse(out)).toMatchObject({ records: 2, firstTime: 1, lastTime: 2 })
  })

  it.each([
    [['in.json'], exitCodes.usage, '--topic is missing'],
    [['in.json', '--topic', 't'], exitCodes.usage, 'Give --partitions <n> to create it'],
    [['in.json', '--topic', 't', '--partitions', 'x'], exitCodes.usage, '--partitions must be a whole number'],
    [['none.json', '--topic', 't'], exitCodes.usage, 'there is no file none.json'],
    [['in.json', '--topic', 't', '--key', 'b', '--partitions', '1'], exitCodes.usage, 'no field "b" for --key'],
  ])('refuses %j', async (words, exit, hint) => {
    writeFileSync(join(directory, 'in.json'), '[{"a":1}]')
    const { code, err } = await load(...words)
    expect([code, err.includes(hint)]).toEqual([exit, true])
    expect(await world.cluster.admin.listTopics()).toEqual([])
  })

  it('refuses a topic with another number of partitions', async () => {
    writeFileSync(join(directory, 'in.json'), '[{"a":1}]')
    await load('in.json', '--topic', 't', '--partitions', '2')
    expect((await load('in.json', '--topic', 't', '--partitions', '3')).err).toContain('exists with 2 partitions, not 3')
    expect((await load('in.json', '--topic', 't')).code).toBe(exitCodes.ok)
  })

  it('cuts what it sends into batches of bounded number and size, each partition in order', () => {
    const record = (size: number): { key: string; value: string; time: number } => ({ key: 'k', value: 'x'.repeat(size), time: 0 })
    expect(
      [
        ...batches(
          Array.from({ length: 2_500 }, () => record(1)),
          't',
          4,
          0,
        ),
      ].map((batch) => batch[0]?.records.length),
    ).toEqual([1_000, 1_000, 500])
    expect([
      ...batches(
        Array.from({ length: 3 }, () => record(400_000)),
        't',
        4,
        0,
      ),
    ]).toHaveLength(2)
  })
})
