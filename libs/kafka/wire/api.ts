/**
 * What one request of Kafka's protocol is for us: key, the *one* version we send, how its body is written and read.
 *
 * One version each, checked against what the broker accepts when a connection opens (link.ts): kafkajs takes the smaller of
 * two maxima and never looks at the broker's minimum, so that a removed version would fail obscurely (kafka-client.md 1.3).
 * Kafka 3.1 and later, up to 4.1 at least, accept all of them.
 */
import type { ByteReader, ByteWriter } from './bytes.ts'

export interface Api<Request, Answer> {
  readonly name: string
  readonly key: number
  readonly version: number
  /** Flexible versions have tagged fields, also in the headers of request and answer. */
  readonly flexible: boolean
  write(writer: ByteWriter, request: Request): void
  read(reader: ByteReader): Answer
}

/** The broker answered with an error code: it has not done what was asked, unless the code itself says otherwise. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: number
  readonly api: string
  readonly detail: string | undefined

  constructor(api: string, code: number, detail?: string | null) {
    super(`${api}: ${errorName(code)}${detail ? ` (${detail})` : ''}`)
    this.api = api
    this.code = code
    this.detail = detail ?? undefined
  }
}

/** No answer: the connection could not be made, ended, or the time ran out. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  /** False: the request never left, so that nothing was done. True: nobody knows. */
  readonly wasSent: boolean
  readonly address: string

  constructor(api: string, address: string, wasSent: boolean, cause: unknown) {
    super(`${api} to ${address}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.wasSent = wasSent
    this.address = address
  }
}

/** Codes that are handled by name; the rest is shown by number. https://kafka.apache.org/protocol#protocol_error_codes */
export const code = {
  NONE: 0,
  UNKNOWN_SERVER_ERROR: -1,
  OFFSET_OUT_OF_RANGE: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  REPLICA_NOT_AVAILABLE: 9,
  MESSAGE_TOO_LARGE: 10,
  OFFSET_METADATA_TOO_LARGE: 12,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  INVALID_GROUP_ID: 24,
  UNKNOWN_MEMBER_ID: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  INVALID_TIMESTAMP: 32,
  UNSUPPORTED_VERSION: 35,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_CONFIG: 40,
  NOT_CONTROLLER: 41,
  POLICY_VIOLATION: 44,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTION_COORDINATOR_FENCED: 52,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  OPERATION_NOT_ATTEMPTED: 55,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  NON_EMPTY_GROUP: 68,
  GROUP_ID_NOT_FOUND: 69,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  OFFSET_NOT_AVAILABLE: 78,
  MEMBER_ID_REQUIRED: 79,
  GROUP_MAX_SIZE_REACHED: 81,
  FENCED_INSTANCE_ID: 82,
  INVALID_RECORD: 87,
  UNSTABLE_OFFSET_COMMIT: 88,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
  TRANSACTION_ABORTABLE: 120,
} as const

const names = new Map<number, string>(Object.entries(code).map(([name, value]) => [value, name]))
export const errorName = (value: number): string => names.get(value) ?? `error code ${value}`
