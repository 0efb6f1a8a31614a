import { describe, expect, it } from '@jest/globals'
import { Fault } from '../../../libs/faults/fault.ts'
import { ManualClock } from '../../../libs/memory/manual-clock.ts'
import { outcomeUnknown } from '../../../libs/memory/memory-faults.ts'
import { memoryLog } from '../../../libs/memory/memory-log.ts'
import type { MemoryLog } from '../../../libs/memory/memory-log.ts'
import type { TransactionalProducer } from '../../../libs/runtime/ports/log.ts'
import { faultOf, outgoing, readAll, values } from '../../support/log-probe.ts'

const place = { topic: 'orders', partition: 0 }
const nobody = { groupId: 'group', memberId: '', generation: -1 }
const positionAt = (position: number) => [{ ...place, position, metadata: `at ${position}` }]

async function cluster(): Promise<{ log: MemoryLog; clock: ManualClock }> {
  const clock = new ManualClock()
  const log = memoryLog({ clock })
  await log.admin.createTopics([{ name: 'orders', partitions: 2, replicationFactor: -1, config: {} }])
  return { log, clock }
}
const send = (producer: TransactionalProducer, text: string): Promise<unknown> => producer.send([{ ...place, records: [outgoing(text)] }])
const shown = async (log: MemoryLog): Promise<readonly (string | null)[]> => values((await readAll(log, 'orders', 0)).records)
const committed = async (log: MemoryLog): Promise<number | undefined> =>
  (await log.admin.committed('group', [place])).get('orders:0')?.position

describe('a transaction that is open for too long', () => {
  it('is aborted, and its producer is refused from then on', async () => {
    const { log, clock } = await cluster()
    const producer = await log.openProducer('id', { transactionTimeoutMs: 500 })
    await send(producer, 'slow')
    await producer.sendPositions(nobody, positionAt(1))

    clock.advance(499)
    await clock.settle()
    expect((await log.admin.ranges([place])).get('orders:0')?.lastStable).toBe(0)
    clock.advance(1)
    await clock.settle()

    expect((await log.admin.ranges([place])).get('orders:0')).toEqual({ logStart: 0, end: 2, lastStable: 2 })
    expect((await faultOf(producer.commit())).action).toBe('release-task')
    expect(await shown(log)).toEqual([])
    expect(await committed(log)).toBeUndefined()
  })

  it('counts from its first send, not from that of the one before', async () => {
    const { log, clock } = await cluster()
    const producer = await log.openProducer('id', { transactionTimeoutMs: 500 })
    for (const text of ['a', 'b', 'c']) {
      await send(producer, text)
      clock.advance(400)
      await clock.settle()
      await producer.commit()
    }

    expect(await shown(log)).toEqual(['a', 'b', 'c'])
    expect(clock.nextWake() ?? 0).toBeLessThanOrEqual(clock.now() + 500)
    clock.advance(500)
    await clock.settle()
    expect(clock.nextWake()).toBeUndefined()
  })

  it('leaves no deadline behind when it was committed in time', async () => {
    const { log, clock } = await cluster()
    const producer = await log.openProducer('id', { transactionTimeoutMs: 500 })
    for (let round = 0; round < 3; round++) {
      await send(producer, 'x')
      await producer.commit()
      await clock.pass(100)
    }

    // The sleeper of the first deadline wakes once for nothing, and finds no other.
    await clock.pass(200)

    expect(clock.nextWake()).toBeUndefined()
  })

  it('is not allowed a time-out above that of the broker', async () => {
    const { log } = await cluster()

    expect((await faultOf(log.openProducer('id', { transactionTimeoutMs: 900_001 }))).code).toBe('MR3014')
    expect((await faultOf(log.openProducer('id', { transactionTimeoutMs: 0 }))).code).toBe('MR3014')
  })
})

describe('a failed producer', () => {
  it('takes no more work, so that half a transaction is never committed', async () => {
    const { log } = await cluster()
    const producer = await log.openProducer('id')
    await send(producer, 'first half')

    await faultOf(producer.send([{ topic: 'missing', partition: 0, records: [outgoing('x')] }]))
    const fault = await faultOf(producer.commit())
    await log.openProducer('id')

    expect(fault).toMatchObject({ code: 'MR3011', action: 'acquire-again' })
    expect(await shown(log)).toEqual([])
  })

  it('is a broken promise of the caller when calls overlap', async () => {
    const { log } = await cluster()
    const producer = await log.openProducer('id')

    const first = send(producer, 'a')
    await expect(send(producer, 'b')).rejects.toThrow('overlap')
    await first
  })
})

describe('lost and late requests', () => {
  it('may end a transaction though the answer to the commit is lost', async () => {
    const { log } = await cluster()
    const producer = await log.openProducer('id')
    await send(producer, 'a')
    log.faults = { after: ({ operation }) => (operation === 'commit' ? Promise.reject(outcomeUnknown('the commit')) : undefined) }

    const fault = await faultOf(producer.commit())
    log.faults = {}

    expect(fault).toMatchObject({ code: 'MR3010', action: 'acquire-again' })
    expect(await shown(log)).toEqual(['a'])
  })

  it('may be refused before anything is done', async () => {
    const { log } = await cluster()
    const producer = await log.openProducer('id')
    await send(producer, 'a')
    log.faults = { before: ({ operation }) => (operation === 'commit' ? Promise.reject(outcomeUnknown('the commit')) : undefined) }

    await faultOf(producer.commit())
    log.faults = {}
    await log.openProducer('id')

    expect(await shown(log)).toEqual([])
  })

  it.each([
    ['before the id is opened again', true, ['a']],
    ['after the id was opened again', false, []],
  ])('take effect when a commit arrives late, %s, only if nobody else owns the id by then', async (_, isInTime, expected) => {
    const { log, clock } = await cluster()
    const producer = await log.openProducer('id')
    await send(producer, 'a')
    const onTheWire = Promise.withResolvers<void>()
    log.faults = {
      before: ({ operation }) => (operation === 'commit' ? { fault: outcomeUnknown('the commit'), arrives: onTheWire.promise } : undefined),
    }
    await faultOf(producer.commit())
    log.faults = {}

    if (isInTime) onTheWire.resolve()
    await clock.settle()
    await log.openProducer('id')
    onTheWire.resolve()
    await clock.settle()

    expect(await shown(log)).toEqual(expected)
    expect(log.unseenFaults.map((fault) => fault instanceof Fault && fault.code)).toEqual(isInTime ? [] : ['MR3001'])
  })
})

describe('late markers', () => {
  it('show a committed transaction partition by partition, and hold back the next owner, the next transaction and the positions', async () => {
    const { log, clock } = await cluster()
    const late = Promise.withResolvers<undefined>()
    log.faults = { before: ({ operation, groupId }) => (operation === 'marker' && groupId !== undefined ? late.promise : undefined) }
    const producer = await log.openProducer('id')
    await send(producer, 'a')
    await producer.sendPositions(nobody, positionAt(1))

    await producer.commit()
    const positions = committed(log)
    const again = send(producer, 'b')
    const done: string[] = []
    void positions.then(() => done.push('positions'))
    void again.then(() => done.push('send'))
    await clock.settle()
    expect(await shown(log)).toEqual(['a'])
    expect(done).toEqual([])
    const opening = log.openProducer('id').then(() => done.push('open'))
    late.resolve(undefined)
    await opening
    await clock.settle()

    expect(await positions).toBe(1)
    // The second send had waited for longer, so it began a transaction, which the opening then aborted.
    expect(done.sort()).toEqual(['open', 'positions', 'send'])
    expect((await faultOf(producer.commit())).action).toBe('release-task')
    expect(await shown(log)).toEqual(['a'])
  })

  it('keep the decision, also when their delay fails', async () => {
    const { log, clock } = await cluster()
    log.faults = { before: ({ operation }) => (operation === 'marker' ? Promise.reject(new Error('broker away')) : undefined) }
    const producer = await log.openProducer('id')
    await send(producer, 'a')

    await producer.commit()
    await clock.settle()

    expect(await shown(log)).toEqual(['a'])
  })
})

describe('pending positions', () => {
  it('are waited for, but not without end', async () => {
    const { log, clock } = await cluster()
    const producer = await log.openProducer('id', { transactionTimeoutMs: 900_000 })
    await producer.sendPositions(nobody, positionAt(1))

    const asked = faultOf(log.admin.committed('group', [place]))
    await clock.pass(30_000)

    expect(await asked).toMatchObject({ code: 'MR3008', action: 'retry' })
  })

  it('do not hold back positions of other partitions', async () => {
    const { log } = await cluster()
    const producer = await log.openProducer('id')
    await producer.sendPositions(nobody, positionAt(1))

    expect((await log.admin.committed('group', [{ topic: 'orders', partition: 1 }])).size).toBe(0)
  })

  it('are refused with metadata that the broker would not keep', async () => {
    const { log } = await cluster()
    const producer = await log.openProducer('id')

    const fault = await faultOf(producer.sendPositions(nobody, [{ ...place, position: 1, metadata: 'x'.repeat(4097) }]))

    expect(fault.code).toBe('MR3015')
  })
})

describe('two openings of one id at the same time', () => {
  it('leave one owner', async () => {
    const { log } = await cluster()
    const former = await log.openProducer('id')
    await send(former, 'former')

    const opened = await Promise.allSettled([log.openProducer('id'), log.openProducer('id')])
    const outcomes: string[] = []
    for (const result of opened) {
      if (result.status === 'rejected') outcomes.push('not opened')
      else
        outcomes.push(
          await send(result.value, 'x').then(
            () => 'owner',
            (fault: unknown) => (fault instanceof Fault ? fault.action : 'failed'),
          ),
        )
    }

    expect(outcomes.filter((outcome) => outcome === 'owner')).toHaveLength(1)
    expect(outcomes[1]).toBe('owner')
  })
})
