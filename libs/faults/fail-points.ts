/**
 * Fail-points: the moments at which a crash is most telling, named here and nowhere else. A test arms one, and the process dies there.
 *
 * Off in production: nothing but the command's `FAIL_POINT` environment variable arms one, and an unarmed point is one look at a variable.
 *
 *     FAIL_POINT=after-end-of-transaction:3        kill -9 when the point is reached for the third time
 *     FAIL_POINT=after-end-of-transaction:3:stop   SIGSTOP instead: the process sleeps until somebody sends SIGCONT
 */
import { nearest } from './suggest.ts'

/** In the order of a task's life. F1 to F16: the numbers of the reliability tests. */
export const failPoints = {
  aborting: 'F12: InitProducerId is sent and not answered; a former owner may have a transaction open, which it ends',
  'after-initialise': 'F1: the producer is initialised, nothing is fenced or read yet',
  restoring: 'F13: some records of a changelog are restored, more are to come',
  wiping: 'F14: a store is renamed, and not deleted yet',
  'before-send': 'before a transaction begins',
  'before-add-partitions': 'F2: nothing of the transaction is known to the coordinator',
  'after-add-partitions': 'F3: the coordinator knows the partitions, no record is written',
  'after-add-offsets': 'F6: the coordinator knows the group',
  'part-produced': 'F4: one leader has answered, others may not have',
  'after-send': 'F5: all records are written',
  'after-offsets': 'F7: the positions are written',
  'before-end-of-transaction': 'the whole transaction is written, its end is not asked for',
  'end-sent': 'F8: the end of the transaction is asked for and not answered',
  'after-end-of-transaction': 'F9: it happened; the local store is one commit behind',
  'writing-store': 'F10: the local store is being written',
  'after-store-write': 'F11: the local store has it',
  revoked: 'F15: a rebalance has begun; what was processed is not committed yet',
  'announce:control-taken': 'F16: a reset has taken the control topic over',
  'announce:tasks-fenced': 'F16: a reset has fenced all tasks',
  'announce:facts-read': 'F16: a reset knows where to start, and has written nothing',
  'announce:sent': 'F16: a reset is written, its transaction is open',
  'announce:done': 'F16: a reset is announced, no task has followed it',
} as const satisfies Readonly<Record<string, string>>

export type FailPoint = keyof typeof failPoints
type Action = 'kill' | 'stop'

interface Armed {
  readonly point: FailPoint
  readonly action: Action
  left: number
}

let armed: Armed | undefined

/** The process may end here. */
export function failPoint(point: FailPoint): void {
  if (armed?.point === point) hit(armed)
}

/** As `failPoint`, a moment later: when what was just asked of another thread or of the network is on its way. */
export function failPointSoon(point: FailPoint): void {
  if (armed?.point !== point) return
  const soon = armed
  setImmediate(() => hit(soon))
}

function hit(point: Armed): void {
  point.left -= 1
  if (point.left === 0) process.kill(process.pid, point.action === 'kill' ? 'SIGKILL' : 'SIGSTOP')
}

const isFailPoint = (name: string): name is FailPoint => Object.hasOwn(failPoints, name)

/** `text`: as in the header; undefined or empty: none. Throws on one that cannot be meant: a test that kills nobody proves nothing. */
export function armFailPoint(text: string | undefined): void {
  armed = undefined
  if (text === undefined || text === '') return
  const match = /^(?<name>.+?)(?::(?<count>\d+))?(?::(?<action>kill|stop))?$/.exec(text)
  const { name = '', count = '1', action = 'kill' } = match?.groups ?? {}
  if (!isFailPoint(name) || Number(count) < 1) {
    const meant = nearest(name, Object.keys(failPoints))
    throw new RangeError(`FAIL_POINT=${text} names no fail-point${meant === undefined ? '' : `; did you mean ${meant}?`}`)
  }
  // The expression gives no other word.
  armed = { point: name, action: action as Action, left: Number(count) }
}
