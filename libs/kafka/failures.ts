/**
 * What a failure of the wire means for the caller: the table of kafka-client.md 1.2 as code. Pure.
 *
 * Two questions are kept apart. *May the same request be sent again?* Only if it is certain that it did nothing: `isUntouched`.
 * *What must the caller do?* The action of the fault.
 */
import { Fault } from '../faults/fault.ts'
import type { FaultAction, FaultCode, FaultPlace } from '../faults/fault.ts'
import { code, NoAnswer, Refused } from './wire/api.ts'

/** A coordinator that moves, loads or is still busy with the transaction before. */
const COORDINATOR_BUSY: ReadonlySet<number> = new Set([
  code.CONCURRENT_TRANSACTIONS,
  code.COORDINATOR_LOAD_IN_PROGRESS,
  code.COORDINATOR_NOT_AVAILABLE,
  code.NOT_COORDINATOR,
])

/** The leader moved or has not enough replicas: refused before anything was appended, or recognised by its sequence if it was. */
const LEADER_MOVED: ReadonlySet<number> = new Set([
  code.LEADER_NOT_AVAILABLE,
  code.NOT_LEADER_OR_FOLLOWER,
  code.UNKNOWN_TOPIC_OR_PARTITION,
  code.REPLICA_NOT_AVAILABLE,
  code.NOT_ENOUGH_REPLICAS,
  code.KAFKA_STORAGE_ERROR,
  code.FENCED_LEADER_EPOCH,
  code.UNKNOWN_LEADER_EPOCH,
  code.OFFSET_NOT_AVAILABLE,
  code.UNKNOWN_TOPIC_ID,
])

export const isLeaderMoved = (errorCode: number): boolean => LEADER_MOVED.has(errorCode)

/** The request never left, or the coordinator answered that it is not able to do it now: it may be sent again after a pause. */
export function isUntouched(error: unknown): boolean {
  if (error instanceof NoAnswer) return !error.wasSent
  return error instanceof Refused && COORDINATOR_BUSY.has(error.code)
}

/** The coordinator must be looked up again before the next attempt. */
export function isCoordinatorMoved(error: unknown): boolean {
  if (error instanceof NoAnswer) return true
  return error instanceof Refused && (error.code === code.NOT_COORDINATOR || error.code === code.COORDINATOR_NOT_AVAILABLE)
}

const table: readonly { readonly codes: readonly number[]; readonly as: FaultCode; readonly action: FaultAction; readonly cure: string }[] =
  [
    {
      codes: [code.INVALID_PRODUCER_EPOCH, code.PRODUCER_FENCED, code.TRANSACTION_COORDINATOR_FENCED],
      as: 'MR3001',
      action: 'release-task',
      cure: 'Another owner took the transactional id, or the transaction was open for too long.',
    },
    {
      codes: [code.ILLEGAL_GENERATION, code.UNKNOWN_MEMBER_ID, code.FENCED_INSTANCE_ID, code.REBALANCE_IN_PROGRESS],
      as: 'MR3002',
      action: 'release-task',
      cure: 'The group has gone on without this member; it joins again by itself.',
    },
    {
      codes: [code.MESSAGE_TOO_LARGE, code.RECORD_LIST_TOO_LARGE],
      as: 'MR3003',
      action: 'refuse-record',
      cure: 'Raise max.message.bytes of the topic, or make the record smaller.',
    },
    {
      codes: [code.INVALID_RECORD, code.INVALID_TIMESTAMP],
      as: 'MR3004',
      action: 'refuse-record',
      cure: 'A compacted topic wants keys; a timestamp must lie within the bounds of the topic.',
    },
    {
      codes: [code.UNKNOWN_TOPIC_OR_PARTITION, code.UNKNOWN_TOPIC_ID],
      as: 'MR3005',
      action: 'stop-task',
      cure: 'Create it with `millrace topics create`, or correct its name.',
    },
    {
      codes: [code.INVALID_TOPIC, code.INVALID_PARTITIONS, code.INVALID_REPLICATION_FACTOR, code.INVALID_CONFIG, code.POLICY_VIOLATION],
      as: 'MR3006',
      action: 'stop',
      cure: 'Correct the setting of the topic.',
    },
    { codes: [code.NON_EMPTY_GROUP], as: 'MR3007', action: 'stop', cure: 'Stop all workers of the application first.' },
    {
      codes: [code.UNSTABLE_OFFSET_COMMIT],
      as: 'MR3008',
      action: 'retry',
      cure: 'A transaction on these positions does not end; look for a hanging one with kafka-transactions.sh find-hanging.',
    },
    {
      codes: [code.INCONSISTENT_GROUP_PROTOCOL, code.GROUP_MAX_SIZE_REACHED, code.INVALID_GROUP_ID],
      as: 'MR3013',
      action: 'stop',
      cure: 'Give the application another name, or stop the other program.',
    },
    {
      codes: [code.INVALID_TRANSACTION_TIMEOUT],
      as: 'MR3014',
      action: 'stop',
      cure: 'Set a transaction time-out of at most transaction.max.timeout.ms of the broker.',
    },
    {
      codes: [code.INVALID_SESSION_TIMEOUT],
      as: 'MR3016',
      action: 'stop',
      cure: 'Set sessionTimeoutMs between group.min.session.timeout.ms (as a rule 6000) and group.max.session.timeout.ms of the broker.',
    },
    {
      codes: [code.OFFSET_METADATA_TOO_LARGE],
      as: 'MR3015',
      action: 'stop-task',
      cure: 'It is above offset.metadata.max.bytes of the broker.',
    },
    {
      codes: [
        code.TOPIC_AUTHORIZATION_FAILED,
        code.GROUP_AUTHORIZATION_FAILED,
        code.CLUSTER_AUTHORIZATION_FAILED,
        code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      ],
      as: 'MR3024',
      action: 'stop',
      cure: 'Grant the right; `millrace doctor` lists all that an application needs.',
    },
    {
      codes: [
        code.INVALID_TXN_STATE,
        code.UNKNOWN_PRODUCER_ID,
        code.OUT_OF_ORDER_SEQUENCE_NUMBER,
        code.DUPLICATE_SEQUENCE_NUMBER,
        code.INVALID_PRODUCER_ID_MAPPING,
        code.TRANSACTION_ABORTABLE,
      ],
      as: 'MR3026',
      action: 'acquire-again',
      cure: 'The task is acquired again and continues from the last commit.',
    },
    {
      codes: [...COORDINATOR_BUSY, ...LEADER_MOVED].filter(
        (one) => one !== code.UNKNOWN_TOPIC_OR_PARTITION && one !== code.UNKNOWN_TOPIC_ID,
      ),
      as: 'MR3027',
      action: 'retry',
      cure: 'Look for brokers that are down and partitions without a leader.',
    },
  ]

const byCode = new Map(table.flatMap((row) => row.codes.map((one) => [one, row] as const)))

/**
 * The fault for a failure. `subject` says what the request was about ("in the transaction of x", "for topic y").
 * `otherwise`: the action where the failure itself decides nothing: an outcome that is unknown, a code that has no row.
 */
export function faultOf(error: unknown, subject: string, otherwise: FaultAction, place: FaultPlace = {}): Fault {
  if (error instanceof Fault) return error
  if (error instanceof NoAnswer)
    return new Fault(
      'MR3010',
      otherwise,
      `${error.message} ${subject}: no answer, the outcome is ${error.wasSent ? 'unknown' : 'that nothing was sent'}.`,
      {
        place,
        cause: error,
      },
    )
  if (error instanceof Refused) {
    const row = byCode.get(error.code)
    if (row) return new Fault(row.as, row.action, `${error.message} ${subject}. ${row.cure}`, { place, cause: error })
    return new Fault(otherwise === 'acquire-again' ? 'MR3026' : 'MR3032', otherwise, `${error.message} ${subject}.`, {
      place,
      cause: error,
    })
  }
  throw error
}

/** Inside a transaction any failure ends the producer: what elsewhere may be tried again means to acquire again here. */
export function transactionFault(error: unknown, subject: string, place: FaultPlace = {}): Fault {
  const fault = faultOf(error, subject, 'acquire-again', place)
  return fault.action === 'retry'
    ? new Fault(fault.code, 'acquire-again', fault.message, { place: fault.place, cause: fault.cause })
    : fault
}
