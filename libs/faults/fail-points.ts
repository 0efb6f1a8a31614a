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
  'reset:before-send': "a task's own reset: its changelogs have the reset records, the transaction is open",
  'reset:after-send': "a task's own reset: its commit record is written",
  'reset:before-end-of-transaction': "a task's own reset: the end of its transaction is not asked for",
  'reset:after-end-of-transaction': "a task's own reset: it happened, the local store has the old epoch",
  'reset:after-store-write': "a task's own reset: the local store is empty",
  'replay:registered': 'a replay: the new version has said what it is',
  'replay:topics-made': 'a replay: its topics are there, it may not run yet',
  'replay:begun': 'a replay: it may run, nobody was told',
  'halt:before-send': 'a task halts for a switch: its last records are processed',
  'halt:after-send': 'a task halts for a switch: results, cut markers and commit record are written',
  'halt:before-end-of-transaction': 'a task halts for a switch: the end of its transaction is not asked for',
  'halt:after-end-of-transaction': 'a task halts for a switch: it has, and does not know it',
  'halt:after-store-write': 'a task halts for a switch: it has, and its store too',
  'follow:before-send': 'a task follows a decision: it has read it',
  'follow:after-send': 'a task follows a decision: what is handed over and its commit record are written',
  'follow:before-end-of-transaction': 'a task follows a decision: the end of its transaction is not asked for',
  'follow:after-end-of-transaction': 'a task follows a decision: it has, and does not know it',
  'follow:after-store-write': 'a task follows a decision: it has, and its store too',
  'switch:opened': 'a switch is open, no task has halted',
  'switch:fenced': "the command has halted all tasks of the live version in their owners' stead",
  'switch:live-halted': 'the live version is halted, the new one does not know where',
  'switch:cut': 'the new version knows where to halt',
  'switch:new-halted': 'both versions are halted',
  'switch:handed-over': 'both are halted, and what is to be given at the switch is written',
  'switch:decided': 'a switch is decided, the command has not seen anybody follow',
  'switch:running': 'the version that is live now runs, the command has not said so',
  'drop:positions-forgotten': 'a version is deleted: the positions of its group lead nowhere, its topics are there',
  'drop:topics-deleted': 'a version is deleted: its topics are gone, it is still known',
  'drop:done': 'a version is deleted and forgotten',
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
