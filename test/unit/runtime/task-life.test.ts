import { describe, expect, it } from '@jest/globals'
import { ownsState, taskLife, taskLifeTable } from '../../../libs/runtime/task/task-life.ts'
import type { TaskLifeEvent, TaskLifeState } from '../../../libs/runtime/task/task-life.ts'

const states = Object.keys(taskLifeTable) as TaskLifeState[]
const events = Object.keys(taskLifeTable.assigned) as TaskLifeEvent[]

/** The drawing above the table, as moves; every pair that is not here must not move. */
const moves: readonly (readonly [TaskLifeState, TaskLifeEvent, TaskLifeState])[] = [
  ['assigned', 'acquire', 'fencing'],
  ['fencing', 'fenced', 'restoring'],
  ['fencing', 'suspend', 'assigned'],
  ['fencing', 'acquire-again', 'fencing'],
  ['restoring', 'restored', 'running'],
  ['restoring', 'found-halted', 'halted'],
  ['restoring', 'found-retired', 'retired'],
  ['restoring', 'found-ended', 'ended'],
  ['restoring', 'suspend', 'assigned'],
  ['restoring', 'acquire-again', 'fencing'],
  ['running', 'suspend', 'suspended'],
  ['running', 'acquire-again', 'fencing'],
  ['running', 'halt', 'halted'],
  ['running', 'end', 'ended'],
  ['suspended', 'resume', 'running'],
  ['suspended', 'acquire-again', 'assigned'],
  ['halted', 'suspend', 'assigned'],
  ['halted', 'acquire-again', 'fencing'],
  ['halted', 'continue', 'running'],
  ['halted', 'retire', 'retired'],
  ['retired', 'suspend', 'assigned'],
  ['retired', 'acquire-again', 'fencing'],
  ['retired', 'continue', 'running'],
  ['ended', 'suspend', 'assigned'],
  ['ended', 'acquire-again', 'fencing'],
  ['stopped', 'acquire', 'fencing'],
  ...states
    .filter((s) => s !== 'stopped' && s !== 'closed')
    .map((s): [TaskLifeState, TaskLifeEvent, TaskLifeState] => [s, 'stop', 'stopped']),
  ...states.filter((s) => s !== 'closed').map((s): [TaskLifeState, TaskLifeEvent, TaskLifeState] => [s, 'close', 'closed']),
]
const expected = new Map(moves.map(([from, event, to]) => [`${from} ${event}`, to]))

describe('the life of a task', () => {
  it.each(states.flatMap((state) => events.map((event) => [state, event] as const)))('%s answers %s', (state, event) => {
    const step = taskLife(state, event)
    const to = expected.get(`${state} ${event}`)
    if (to === undefined) expect(step.kind).not.toBe('moved')
    else expect(step).toEqual({ kind: 'moved', to })
  })

  it('never runs without fencing and restoring first', () => {
    const before = (target: TaskLifeState): TaskLifeState[] => moves.filter(([, , to]) => to === target).map(([from]) => from)
    expect(new Set(before('running'))).toEqual(new Set(['restoring', 'suspended', 'halted', 'retired']))
    expect(before('restoring')).toEqual(['fencing'])
    expect(before('suspended')).toEqual(['running'])
  })

  it('owns producer and store only between restored and closed', () => {
    expect(states.filter(ownsState)).toEqual(['running', 'suspended', 'halted', 'retired', 'ended'])
  })

  it('never leaves closed', () => {
    expect(events.map((event) => taskLife('closed', event).kind)).not.toContain('moved')
  })
})
