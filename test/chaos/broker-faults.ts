/** Doing the faults of the broker lane. Each answers how it is healed. */
import type { TestKafka } from '../support/kafka-for-tests.ts'
import { coordinatorOf, leaderOf } from '../support/cluster-roles.ts'
import type { EngineRig } from '../support/engine-rig.ts'
import { kafkaTool } from '../support/kafka-tool.ts'
import type { BrokerFault, PlannedFault } from './schedule.ts'

export type Heal = () => Promise<void>
export interface Done {
  /** What was done, in words: with what was chosen on the way. */
  readonly what: string
  readonly heal: Heal
}

const BROKERS = 3

export async function doBrokerFault(kind: BrokerFault, planned: PlannedFault, kafka: TestKafka, rig: EngineRig): Promise<Done> {
  const broker = planned.victim + 1
  switch (kind) {
    case 'broker-kill':
      await kafka.kill(broker)
      return { what: `broker ${broker} killed`, heal: () => kafka.restart(broker) }
    case 'broker-end':
      await kafka.end(broker)
      return { what: `broker ${broker} ended in order`, heal: () => kafka.restart(broker) }
    case 'broker-freeze':
      await kafka.freeze(broker)
      return { what: `broker ${broker} frozen`, heal: () => kafka.thaw(broker) }
    case 'leader-kill': {
      const [what, found] = await partOf(planned, rig)
      await kafka.kill(found)
      return { what: `broker ${found}, ${what}, killed`, heal: () => kafka.restart(found) }
    }
    case 'election':
      await kafkaTool('org.apache.kafka.tools.LeaderElectionCommand', rig.brokers, '--election-type', 'preferred', '--all-topic-partitions')
      return { what: 'preferred leaders elected', heal: () => Promise.resolve() }
    case 'below-min-insync': {
      const other = (broker % BROKERS) + 1
      await kafka.kill(broker)
      await kafka.kill(other)
      const heal = async (): Promise<void> => {
        await kafka.restart(broker)
        await kafka.restart(other)
      }
      return { what: `brokers ${broker} and ${other} killed`, heal }
    }
  }
}

async function partOf(planned: PlannedFault, rig: EngineRig): Promise<readonly [what: string, broker: number]> {
  if (planned.chance < 0.33) return ['leader of orders-0', await leaderOf(rig.brokers, rig.topic('orders'), 0)]
  if (planned.chance < 0.66) return ['coordinator of the group', await coordinatorOf(rig.brokers, 'group', rig.group)]
  const id = `${rig.group}.${rig.topic('orders')}.0`
  return [`coordinator of the transactional id ${id}`, await coordinatorOf(rig.brokers, 'transaction', id)]
}
