/** Doing the faults of the network lane: on the way between one worker and all brokers. */
import { copyLater, cut, delay, drop, hold } from '../support/fault-proxy/faults.ts'
import type { ApiName } from '../support/fault-proxy/kafka-request.ts'
import type { Done } from './broker-faults.ts'
import type { ChaosWorker } from './fleet.ts'
import type { NetworkFault, PlannedFault } from './schedule.ts'

const SPEED_MIN = 30_000
const SPEED_MAX = 300_000
const DELAY_MS_MAX = 3_000
const apis: readonly ApiName[] = ['EndTxn', 'Produce', 'TxnOffsetCommit', 'AddOffsetsToTxn', 'AddPartitionsToTxn', 'InitProducerId']
const delayed: readonly ApiName[] = [...apis, 'Fetch', 'Heartbeat', 'JoinGroup', 'SyncGroup', 'OffsetFetch', 'FindCoordinator']

export async function doNetworkFault(kind: NetworkFault, planned: PlannedFault, worker: ChaosWorker): Promise<Done> {
  const { proxy } = worker
  const { chance } = planned
  const name = `worker ${worker.index}`
  const heal = async (): Promise<void> => proxy.heal()
  /** Another choice of the same chance. */
  const again = (turn: number): number => (chance * 10 ** turn) % 1
  const api = chosen(apis, again(1))
  switch (kind) {
    case 'cut':
      proxy.cutAll()
      return { what: `all connections of ${name} cut`, heal }
    case 'away':
      proxy.cutOff()
      return { what: `${name} has no network`, heal }
    case 'delay': {
      const slow = chosen(delayed, again(1))
      const on = again(2) < 0.5 ? 'request' : 'response'
      const milliseconds = Math.round(again(3) ** 2 * DELAY_MS_MAX)
      proxy.always({ api: slow, on }, delay(milliseconds))
      return { what: `each ${on} of ${slow} of ${name} ${milliseconds} ms late`, heal }
    }
    case 'lost-answer': {
      const times = 1 + Math.floor(again(2) * 3)
      const how = again(3) < 0.5 ? drop : cut
      const rule = proxy.times(times, { api, on: 'response' }, how)
      return { what: `${times} answers to ${api} of ${name}: ${how.kind}`, heal: async () => (rule.end(), proxy.heal()) }
    }
    case 'late-request': {
      const isCopy = again(2) < 0.5
      proxy.once({ api }, isCopy ? copyLater() : hold())
      return { what: `a${isCopy ? ' copy of a' : ''} request of ${api} of ${name} held`, heal }
    }
    case 'throttle': {
      const speed = Math.round(SPEED_MIN + again(2) * (SPEED_MAX - SPEED_MIN))
      proxy.throttle(speed)
      return { what: `${name} has ${speed} bytes a second`, heal }
    }
  }
}

function chosen<Item>(items: readonly Item[], chance: number): Item {
  const item = items[Math.floor(chance * items.length)]
  if (item === undefined) throw new Error('a chance is below 1')
  return item
}
