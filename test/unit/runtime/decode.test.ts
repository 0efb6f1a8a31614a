import { describe, expect, it } from '@jest/globals'
import type { TaskProgram } from '../../../libs/dataflow/plan.ts'
import { decodeItem, poisonId } from '../../../libs/runtime/task/decode.ts'
import { InputQueue } from '../../../libs/runtime/task/input-queue.ts'
import { PoisonList } from '../../../libs/runtime/task/poison-list.ts'
import { RepartitionHeaders } from '../../../libs/runtime/task/repartition-record.ts'

describe('a record that has failed before', () => {
  // What is decoded here never comes to the program.
  const program = {} as TaskProgram
  const wiring = { id: 'users:0', topic: 'users', partition: 0, repartition: 'user' } as unknown as InputQueue['wiring']
  const queue = new InputQueue(wiring, 0, 0, 1_000)
  const raw = {
    offset: 7,
    timestamp: 0,
    key: Buffer.from('ann'),
    value: Buffer.from('{}'),
    headers: new RepartitionHeaders(1).marker('rides.0', 5),
  }
  const poison = new PoisonList()
  poison.add(poisonId('users:0', 7), { reason: 'user-code', message: 'a bad page', stack: undefined, attempt: 2, step: 'chain' })

  it('is dropped, not refused, when a reset has ended its epoch since (P6)', () => {
    expect(decodeItem(program, queue, raw, 2, poison)).toEqual({ kind: 'dropped', why: 'older-epoch', raw })
  })

  it('is refused in its own epoch', () => {
    const external = new InputQueue({ ...wiring, repartition: undefined }, 0, 0, 1_000)
    expect(decodeItem(program, external, raw, 1, poison)).toMatchObject({ kind: 'refused', reason: 'user-code', attempt: 2 })
  })
})
