/** Promises of the log port about topics and their administration. */
import { expect } from '@jest/globals'
import { eventually } from './eventually.ts'
import { newTopic, PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep } from './log-home.ts'
import { faultOf, outgoing, readAll, ReaderProbe, values } from './log-probe.ts'

export function topicPromises(homeOf: HomeOf, it: Keep): void {
  creation(homeOf, it)
  ranges(homeOf, it)
  deletion(homeOf, it)
}

function creation(homeOf: HomeOf, it: Keep): void {
  it(
    'describes what was created, and says nothing of topics that do not exist',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), 3)
      const missing = uniqueName('missing')

      const described = await log.admin.describeTopics([topic, missing])

      expect(described.get(topic)).toMatchObject({ name: topic, partitions: 3 })
      expect(described.get(topic)?.replicationFactor).toBeGreaterThanOrEqual(1)
      expect(described.has(missing)).toBe(false)
      expect(await log.admin.listTopics()).toContain(topic)
      expect(await log.admin.listTopics()).not.toContain(missing)
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'leaves a topic as it is when it is created again',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf(), 2)
      await log.append([{ topic, partition: 1, records: [outgoing('kept')] }])

      await log.admin.createTopics([{ name: topic, partitions: 5, replicationFactor: -1, config: {} }])

      expect((await log.admin.describeTopics([topic])).get(topic)?.partitions).toBe(2)
      expect(values((await readAll(log, topic, 1)).records)).toEqual(['kept'])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'tells the settings in force, given ones and defaults',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf(), 1, { 'cleanup.policy': 'compact', 'max.message.bytes': '4321' })

      const config = await log.admin.topicConfig(topic)

      expect(config).toMatchObject({ 'cleanup.policy': 'compact', 'max.message.bytes': '4321', 'retention.ms': '-1' })
      expect(Number(config['delete.retention.ms'])).toBeGreaterThan(0)
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'refuses a topic with an illegal setting, and creates nothing',
    async () => {
      const { log, uniqueName } = homeOf()
      const name = uniqueName('refused')

      const fault = await faultOf(
        log.admin.createTopics([{ name, partitions: 1, replicationFactor: -1, config: { 'cleanup.policy': 'burn' } }]),
      )

      expect(fault.message).toContain(name)
      expect(await log.admin.listTopics()).not.toContain(name)
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'never creates a topic by writing to it or reading from it',
    async () => {
      const { log, uniqueName } = homeOf()
      const missing = uniqueName('missing')
      const producer = await log.openProducer(uniqueName('id'))
      const probe = new ReaderProbe(log, missing, 0, 0)

      await faultOf(producer.send([{ topic: missing, partition: 0, records: [outgoing('nowhere')] }]))
      await eventually(() => expect(probe.faults).toHaveLength(1))

      expect(await log.admin.listTopics()).not.toContain(missing)
      await probe.reader.close()
      await producer.close()
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'names the brokers of the cluster',
    async () => {
      const { clusterId, brokers } = await homeOf().log.admin.brokers()

      expect(clusterId).not.toBe('')
      expect(brokers.length).toBeGreaterThanOrEqual(1)
      for (const broker of brokers) expect(broker.address).toMatch(/^.+:\d+$/)
    },
    PROMISE_TIMEOUT_MS,
  )
}

function ranges(homeOf: HomeOf, it: Keep): void {
  it(
    'finds the first position at or after a timestamp, and the end where there is none',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf(), 2)
      const records = [1_000, 2_000, 3_000].map((timestamp) => outgoing('x', { timestamp }))
      for (const record of records) await log.append([{ topic, partition: 0, records: [record] }])
      const at = async (timestamp: number): Promise<readonly (number | undefined)[]> => {
        const both = [0, 1].map((partition) => ({ topic, partition }))
        const positions = await log.admin.positionsAt(both, timestamp)
        return [positions.get(`${topic}:0`), positions.get(`${topic}:1`)]
      }

      expect(await at(500)).toEqual([0, 0])
      expect(await at(2_000)).toEqual([1, 0])
      expect(await at(2_001)).toEqual([2, 0])
      expect(await at(3_001)).toEqual([3, 0])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'tells start, end and last stable offset, and that an open transaction holds the last one back',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const place = { topic, partition: 0 }
      await log.append([{ ...place, records: [outgoing('a'), outgoing('b')] }])
      const producer = await log.openProducer(uniqueName('id'))

      await producer.send([{ ...place, records: [outgoing('c'), outgoing('d')] }])
      const open = (await log.admin.ranges([place])).get(`${topic}:0`)
      await producer.commit()

      expect(open).toEqual({ logStart: 0, end: 4, lastStable: 2 })
      await eventually(async () =>
        expect((await log.admin.ranges([place])).get(`${topic}:0`)).toEqual({ logStart: 0, end: 5, lastStable: 5 }),
      )
      await producer.close()
    },
    PROMISE_TIMEOUT_MS,
  )
}

function deletion(homeOf: HomeOf, it: Keep): void {
  it(
    'moves the log start when records are deleted',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf(), 1, { 'cleanup.policy': 'compact,delete' })
      await log.append([{ topic, partition: 0, records: ['a', 'b', 'c'].map((value) => outgoing(value, { key: value })) }])

      await log.admin.deleteRecords([{ topic, partition: 0, position: 2 }])

      expect((await log.admin.ranges([{ topic, partition: 0 }])).get(`${topic}:0`)).toEqual({ logStart: 2, end: 3, lastStable: 3 })
      expect(values((await readAll(log, topic, 0, 2)).records)).toEqual(['c'])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'refuses to delete records of a topic that is only compacted, or beyond the end of any',
    async () => {
      const { log } = homeOf()
      const compacted = await newTopic(homeOf(), 1, { 'cleanup.policy': 'compact' })
      const other = await newTopic(homeOf())
      await log.append([{ topic: compacted, partition: 0, records: [outgoing('a', { key: 'k' }), outgoing('b', { key: 'k' })] }])

      await faultOf(log.admin.deleteRecords([{ topic: compacted, partition: 0, position: 1 }]))
      await faultOf(log.admin.deleteRecords([{ topic: other, partition: 0, position: 1 }]))

      expect((await log.admin.ranges([{ topic: compacted, partition: 0 }])).get(`${compacted}:0`)?.logStart).toBe(0)
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'shows by its range that a topic was deleted and created again',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf())
      await log.append([{ topic, partition: 0, records: ['a', 'b', 'c'].map((value) => outgoing(value)) }])

      await log.admin.deleteTopics([topic])
      await eventually(async () => expect(await log.admin.listTopics()).not.toContain(topic))
      // What is gone already may be deleted again.
      await log.admin.deleteTopics([topic])
      await log.admin.createTopics([{ name: topic, partitions: 1, replicationFactor: -1, config: {} }])

      await eventually(async () =>
        expect((await log.admin.ranges([{ topic, partition: 0 }])).get(`${topic}:0`)).toEqual({ logStart: 0, end: 0, lastStable: 0 }),
      )
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'tells a reader that its topic was deleted, or created again with less than it had read, and reads nothing of the new one',
    async () => {
      const { log } = homeOf()
      const topic = await newTopic(homeOf())
      await log.append([{ topic, partition: 0, records: ['a', 'b', 'c'].map((value) => outgoing(value)) }])
      const probe = new ReaderProbe(log, topic, 0, 0)
      await probe.untilNext(3)

      await log.admin.deleteTopics([topic])
      await eventually(async () => expect(await log.admin.listTopics()).not.toContain(topic))
      await log.admin.createTopics([{ name: topic, partitions: 1, replicationFactor: -1, config: { 'retention.ms': '-1' } }])
      await log.append([{ topic, partition: 0, records: [outgoing('new')] }])

      await eventually(() => expect(probe.faults.length + probe.outOfRange.length).toBe(1))
      expect(values(probe.records)).toEqual(['a', 'b', 'c'])
      await probe.reader.close()
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'shows partitions that were added, and reads and writes them while readers of the old ones go on',
    async () => {
      const { log, addPartitions, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), 1)
      const old = new ReaderProbe(log, topic, 0, 0)
      await addPartitions(topic, 3)
      await eventually(async () => expect((await log.admin.describeTopics([topic])).get(topic)?.partitions).toBe(3))

      const producer = await log.openProducer(uniqueName('id'))
      await producer.send([0, 2].map((partition) => ({ topic, partition, records: [outgoing(`in ${partition}`)] })))
      await producer.commit()
      await producer.close()

      expect(values((await readAll(log, topic, 2)).records)).toEqual(['in 2'])
      await eventually(() => expect(values(old.records)).toEqual(['in 0']))
      expect([...old.faults, ...old.outOfRange]).toEqual([])
      await old.reader.close()
    },
    PROMISE_TIMEOUT_MS,
  )
}
