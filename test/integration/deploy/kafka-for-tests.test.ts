/** The promise of test/support/kafka-for-tests.ts and deploy/local-kafka: a real Kafka for whoever asks, shared or one's own. */
import { afterAll, describe, expect, it } from '@jest/globals'
import { clusterReady, clusterView } from '../../../deploy/local-kafka/cluster-probe.ts'
import { givenBrokers } from '../../../deploy/local-kafka/start-kafka.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'

const shared = await kafkaForTests()

describe('the shared Kafka of a test run', () => {
  it('answers clients with brokers and a controller', async () => {
    const view = await clusterView(shared.brokers[0] ?? '')

    expect(view.brokers.length).toBeGreaterThan(0)
    expect(view.controllerId).toBeGreaterThan(-1)
  })

  it('is the same for everyone who asks', async () => {
    expect((await kafkaForTests()).brokers).toEqual(shared.brokers)
  })

  it('cannot be killed by one test under the feet of the others', async () => {
    await expect(shared.kill(1)).rejects.toThrow(/not (ours )?to (be )?kill/u)
  })
})

// A cluster that somebody gave by KAFKA_BROKERS is not ours to kill.
const describeOwn = givenBrokers() === undefined ? describe : undefined
const own = describeOwn === undefined ? undefined : await kafkaForTests({ brokers: 3 })
if (own !== undefined) afterAll(() => own.stop())

describeOwn?.("a Kafka of three brokers of a test's own", () => {
  it('serves clients with two of three after a kill -9, and with three again after a restart', async () => {
    if (own === undefined) throw new Error('no cluster')
    const survivor = own.brokers[0] ?? ''
    expect((await clusterView(survivor)).brokers).toHaveLength(3)

    await own.kill(2)
    await expect(clusterView(own.brokers[1] ?? '')).rejects.toThrow()
    await clusterReady([survivor], 2, 10_000)

    await own.restart(2)
    const view = await clusterReady([survivor], 3, 30_000)
    expect(view.brokers.map((broker) => broker.address).toSorted()).toEqual(own.brokers.toSorted())
  }, 90_000)
})
