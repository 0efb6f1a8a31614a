/** The faults that the in-memory broker answers with; codes and actions are those of the real home (libs/faults/log-codes.ts). */
import { Fault } from '../faults/fault.ts'
import type { FaultPlace } from '../faults/fault.ts'

export const takenOver = (transactionalId: string): Fault =>
  new Fault(
    'MR3001',
    'release-task',
    `transactional id ${transactionalId} was taken over by a newer producer, or its transaction timed out`,
  )

export const notOfGeneration = (groupId: string, memberId: string, why: string): Fault =>
  new Fault('MR3002', 'release-task', `group ${groupId} refused positions of member ${memberId}: ${why}`)

export const tooLarge = (place: FaultPlace, bytes: number, bytesMax: number): Fault =>
  new Fault(
    'MR3003',
    'refuse-record',
    `record ${place.offset} for ${place.topic}:${place.partition} has ${bytes} bytes, the topic takes ${bytesMax}`,
    { place },
  )

export const invalidRecord = (place: FaultPlace, why: string): Fault =>
  new Fault('MR3004', 'refuse-record', `record ${place.offset} for ${place.topic}:${place.partition} is not valid: ${why}`, { place })

export const noSuchPartition = (topic: string, partition?: number): Fault =>
  new Fault(
    'MR3005',
    'stop-task',
    partition === undefined ? `topic ${topic} does not exist` : `topic ${topic} does not exist or has no partition ${partition}`,
    {
      place: { topic, partition },
    },
  )

export const badTopic = (topic: string, why: string): Fault => new Fault('MR3006', 'stop', `topic ${topic}: ${why}`, { place: { topic } })

export const groupHasMembers = (groupId: string, members: number): Fault =>
  new Fault(
    'MR3007',
    'stop',
    `group ${groupId} has ${members} members, so its positions cannot be moved from outside; stop all workers first`,
  )

export const positionsPending = (groupId: string, waitedMs: number): Fault =>
  new Fault('MR3008', 'retry', `positions of group ${groupId} are still pending in a transaction after ${waitedMs} ms`)

export const cannotDelete = (topic: string, partition: number, why: string): Fault =>
  new Fault('MR3009', 'stop', `records of ${topic}:${partition} cannot be deleted: ${why}`, { place: { topic, partition } })

/** For fault hooks: an answer that never came. */
export const outcomeUnknown = (what: string): Fault =>
  new Fault('MR3010', 'acquire-again', `no answer to ${what}; it may have happened or not`)

export const failedBefore = (transactionalId: string): Fault =>
  new Fault('MR3011', 'acquire-again', `the producer of ${transactionalId} has failed before and takes no more work`)

export const closed = (): Fault => new Fault('MR3012', 'stop', 'the log is closed')

export const otherProtocol = (groupId: string, used: string, wanted: string): Fault =>
  new Fault(
    'MR3013',
    'stop',
    `group ${groupId} uses the protocol ${used}, this worker ${wanted}; give the application another name or stop the other program`,
  )

export const badTransactionTimeout = (timeoutMs: number, maxMs: number): Fault =>
  new Fault('MR3014', 'stop', `transaction time-out ${timeoutMs} ms is not between 1 and ${maxMs} ms`)

export const metadataTooLong = (groupId: string, place: FaultPlace, bytes: number): Fault =>
  new Fault(
    'MR3015',
    'stop-task',
    `metadata of ${place.topic}:${place.partition} in group ${groupId} has ${bytes} bytes, at most 4096 are kept`,
    { place },
  )
