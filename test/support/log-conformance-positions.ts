/** Promises of the log port about the committed positions of a group. */
import { expect } from '@jest/globals'
import type { CommittedPosition, GroupIdentity, PositionToCommit } from '../../libs/runtime/ports/log.ts'
import { newTopic, PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep } from './log-home.ts'
import { outgoing } from './log-probe.ts'

const nobody = (groupId: string): GroupIdentity => ({ groupId, memberId: '', generation: -1 })

export function positionPromises(homeOf: HomeOf, it: Keep): void {
  const committed = async (groupId: string, topic: string, partition = 0): Promise<CommittedPosition | undefined> =>
    (await homeOf().log.admin.committed(groupId, [{ topic, partition }])).get(`${topic}:${partition}`)
  const at = (topic: string, position: number, metadata = '', partition = 0): PositionToCommit => ({ topic, partition, position, metadata })

  it(
    'gives positions back with their metadata when the transaction is committed, and nothing where there is none',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), 3)
      const group = uniqueName('group')
      const producer = await log.openProducer(uniqueName('id'))

      await producer.send([{ topic, partition: 0, records: [outgoing('a')] }])
      await producer.sendPositions(nobody(group), [at(topic, 7, 'mr1;état;1;2'), at(topic, 0, '', 2)])
      await producer.commit()
      await producer.close()

      const all = await log.admin.committed(
        group,
        [0, 1, 2].map((partition) => ({ topic, partition })),
      )
      expect(Object.fromEntries(all)).toEqual({
        [`${topic}:0`]: { position: 7, metadata: 'mr1;état;1;2' },
        [`${topic}:2`]: { position: 0, metadata: '' },
      })
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'keeps the last of several positions in one transaction, and each next transaction its own',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const group = uniqueName('group')
      const producer = await log.openProducer(uniqueName('id'))

      await producer.sendPositions(nobody(group), [at(topic, 1, 'one')])
      await producer.sendPositions(nobody(group), [at(topic, 2, 'two')])
      await producer.commit()
      const first = await committed(group, topic)
      await producer.sendPositions(nobody(group), [at(topic, 3, 'three')])
      await producer.commit()
      await producer.close()

      expect(first).toEqual({ position: 2, metadata: 'two' })
      expect(await committed(group, topic)).toEqual({ position: 3, metadata: 'three' })
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'never shows positions of a transaction that is not committed: it waits, then shows what was decided',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const [group, id] = [uniqueName('group'), uniqueName('id')]
      const first = await log.openProducer(id)
      await first.sendPositions(nobody(group), [at(topic, 5, 'stable')])
      await first.commit()
      await first.sendPositions(nobody(group), [at(topic, 9, 'aborted')])

      const asked = committed(group, topic)
      const second = await log.openProducer(id)
      const answered = await asked
      await second.sendPositions(nobody(group), [at(topic, 6, 'committed')])
      const askedAgain = committed(group, topic)
      await second.commit()

      expect(answered).toEqual({ position: 5, metadata: 'stable' })
      expect((await askedAgain)?.metadata).not.toBe('aborted')
      expect(await committed(group, topic)).toEqual({ position: 6, metadata: 'committed' })
      await Promise.all([first.close(), second.close()])
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'takes positions from outside while the group is empty; they have no metadata',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const group = uniqueName('group')
      const producer = await log.openProducer(uniqueName('id'))
      await producer.sendPositions(nobody(group), [at(topic, 7, 'ours')])
      await producer.commit()
      await producer.close()

      await log.admin.commitFromOutside(group, [at(topic, 3)])

      expect(await committed(group, topic)).toEqual({ position: 3, metadata: '' })
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'lets a position from outside stay when a transaction that was written before it is committed after it',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf(), 2)
      const group = uniqueName('group')
      const producer = await log.openProducer(uniqueName('id'))
      await producer.sendPositions(nobody(group), [at(topic, 7, 'ours'), at(topic, 8, 'ours', 1)])

      await log.admin.commitFromOutside(group, [at(topic, 3)])
      await producer.commit()
      await producer.close()

      expect(await committed(group, topic)).toEqual({ position: 3, metadata: '' })
      expect(await committed(group, topic, 1)).toEqual({ position: 8, metadata: 'ours' })
    },
    PROMISE_TIMEOUT_MS,
  )

  it(
    'lets the position of a later transaction replace one from outside',
    async () => {
      const { log, uniqueName } = homeOf()
      const topic = await newTopic(homeOf())
      const group = uniqueName('group')
      await log.admin.commitFromOutside(group, [at(topic, 3)])
      const producer = await log.openProducer(uniqueName('id'))

      await producer.sendPositions(nobody(group), [at(topic, 4, 'ours')])
      await producer.commit()
      await producer.close()

      expect(await committed(group, topic)).toEqual({ position: 4, metadata: 'ours' })
    },
    PROMISE_TIMEOUT_MS,
  )
}
