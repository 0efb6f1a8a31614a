/** What kafkajs' errors mean for a caller of the log port, as far as they can be told apart. */
import { KafkaJSProtocolError } from 'kafkajs'
import { Fault } from '../../../libs/faults/fault.ts'
import type { FaultAction } from '../../../libs/faults/fault.ts'

const actions: Readonly<Record<string, FaultAction>> = {
  INVALID_PRODUCER_EPOCH: 'release-task',
  PRODUCER_FENCED: 'release-task',
  ILLEGAL_GENERATION: 'release-task',
  UNKNOWN_MEMBER_ID: 'release-task',
  FENCED_INSTANCE_ID: 'release-task',
  REBALANCE_IN_PROGRESS: 'release-task',
  MESSAGE_TOO_LARGE: 'refuse-record',
  INVALID_RECORD: 'refuse-record',
  INVALID_TIMESTAMP: 'refuse-record',
}

/** kafkajs wraps what ended its retries. */
function protocolError(error: unknown): KafkaJSProtocolError | undefined {
  if (error instanceof KafkaJSProtocolError) return error
  return error instanceof Error && error.cause !== undefined ? protocolError(error.cause) : undefined
}

export async function asFault<Answer>(work: Promise<Answer>): Promise<Answer> {
  try {
    return await work
  } catch (error) {
    const type = protocolError(error)?.type ?? ''
    throw new Fault('MR3032', actions[type] ?? 'acquire-again', error instanceof Error ? error.message : String(error), { cause: error })
  }
}
