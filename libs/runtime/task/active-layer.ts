/**
 * What has been processed since the last commit was sealed, besides the changes of state: results, counts, and where they come from.
 * One is filled while at most one former one is on the wire.
 */
import type { EffectCall } from '../../dataflow/plan.ts'
import { Outbox } from './outbox.ts'
import type { LogRecord, PartitionId } from '../ports/log.ts'
import type { ItemInHand } from './record-failure.ts'
import { noCounts } from './task-counters.ts'

export class ActiveLayer {
  readonly outbox = new Outbox()
  readonly counts = noCounts()
  /** Calls to the world, to be made when the layer is committed. */
  readonly effects: EffectCall[] = []
  /** Last record taken of each external partition: its fingerprint goes into the commit record. */
  readonly lastRead = new Map<PartitionId, LogRecord>()
  /** Something happened that the commit record must tell, even if nothing is to be sent. */
  dirty = false
  /** Items taken from the inputs. */
  items = 0
  /** While records are committed one by one: the one that reached the program. */
  lastRecord: ItemInHand | undefined
}
