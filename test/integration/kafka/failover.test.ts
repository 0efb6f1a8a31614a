/**
 * Brokers die under the log: a reader goes on where it was, a transaction ends as committed or not and never half, a group
 * member stays or comes back, and everything works again without being opened anew.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Fault } from '../../../libs/faults/fault.ts'
import { kafkaLog } from '../../../libs/kafka/kafka-log.ts'
import type { TransactionalProducer } from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { MemberProbe, outgoing, readAll, ReaderProbe, values } from '../../support/log-probe.ts'

const WITHIN_MS = 180_000
const PARTITIONS = 3
const kafka = await kafkaForTests({ brokers: 3 })
const log = kafkaLog({ brokers: kafka.brokers, requestTimeoutMs: 5_000 })
afterAll(async () => {
  await log.close()
  await kafka.stop()
}, WITHIN_MS)

const topic = `failover-${randomUUID()}`
const group = `failover-${randomUUID()}`

beforeAll(async () => {
  await log.admin.createTopics([{ name: topic, partitions: PARTITIONS, replicationFactor: 3, config: { 'min.insync.replicas': '2' } }])
}, WITHIN_MS)

/** A transaction with one record for each partition and a position; after a failure a new producer and the same again, as a task does it. */
async function commitOnce(
  open: () => Promise<TransactionalProducer>,
  current: TransactionalProducer | undefined,
  text: string,
): Promise<TransactionalProducer> {
  const producer = current ?? (await open())
  const batches = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, records: [outgoing(text)] }))
  await producer.send(batches)
  await producer.sendPositions({ groupId: group, memberId: '', generation: -1 }, [
    { topic, partition: 0, position: Number(text), metadata: text },
  ])
  await producer.commit()
  return producer
}

describe('when brokers are killed and come back', () => {
  it(
    'records are read in order and once, transactions are whole, and the group has its members again',
    async () => {
      const probes = Array.from({ length: PARTITIONS }, (_, partition) => new ReaderProbe(log, topic, partition, 0))
      const member = new MemberProbe('one', topic, PARTITIONS)
      const membership = await log.joinGroup(
        { groupId: `${group}-m`, topics: [topic], protocol: 'failover', heartbeatIntervalMs: 500 },
        member,
      )
      await eventually(() => expect(member.held).toHaveLength(PARTITIONS))
      const id = randomUUID()
      let producer: TransactionalProducer | undefined
      let committedByAnswer = 0
      let next = 0
      const commitUntil = async (isOver: () => boolean): Promise<void> => {
        while (!isOver()) {
          try {
            producer = await commitOnce(() => log.openProducer(id), producer, String(next))
            committedByAnswer++
            next++
          } catch (error) {
            if (!(error instanceof Fault)) throw error
            expect(['acquire-again', 'release-task', 'retry']).toContain(error.action)
            await producer?.close()
            producer = undefined
            // What the log says decides, as in the acquire barrier.
            const position = await eventually(async () => {
              producer = await log.openProducer(id)
              return (await log.admin.committed(group, [{ topic, partition: 0 }])).get(`${topic}:0`)?.position ?? -1
            }, 60_000)
            next = position + 1
          }
        }
      }

      for (const broker of [1, 2, 3]) {
        const before = committedByAnswer
        await commitUntil(() => committedByAnswer >= before + 20)
        await kafka.kill(broker)
        const atKill = committedByAnswer
        await commitUntil(() => committedByAnswer >= atKill + 20)
        await kafka.restart(broker)
      }
      await producer?.close()

      const expected = Array.from({ length: next }, (_, index) => String(index))
      for (const [partition, probe] of probes.entries()) {
        await eventually(() => expect(values(probe.records)).toHaveLength(next), 60_000)
        expect(values(probe.records)).toEqual(expected)
        expect(probe.faults).toEqual([])
        expect(probe.outOfRange).toEqual([])
        await probe.reader.close()
        expect(values((await readAll(log, topic, partition)).records)).toEqual(expected)
      }
      expect(committedByAnswer).toBeLessThanOrEqual(next)
      await eventually(() => expect(member.held).toHaveLength(PARTITIONS), 60_000)
      expect(member.faults).toEqual([])
      await membership.leave()
      await log.append([{ topic, partition: 0, records: [outgoing('end')] }])
    },
    WITHIN_MS,
  )
})
