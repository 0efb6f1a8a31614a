/** Kafka in containers by Testcontainers: one broker or three, each with a host port of its own that stays the same over a restart. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { GenericContainer, getContainerRuntimeClient, Network, Wait, type StartedTestContainer } from 'testcontainers'
import { brokerEnvironment, clusterRules } from '../../deploy/local-kafka/broker-properties.ts'
import { clusterReady } from '../../deploy/local-kafka/cluster-probe.ts'
import { freePort } from '../../deploy/local-kafka/free-port.ts'
import type { TestKafka } from './kafka-for-tests.ts'

const run = promisify(execFile)
const image = 'apache/kafka:4.1.1'
const readyWithinMs = 180_000
const clientPort = 9092

export async function startKafkaContainers(brokers: 1 | 3): Promise<TestKafka> {
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime
  const network = await new Network().start()
  const plan = await Promise.all(Array.from({ length: brokers }, async (_, index) => ({ id: index + 1, port: await freePort() })))
  const voters = plan.map(({ id }) => `${id}@broker-${id}:9093`).join(',')
  const containers = await Promise.all(
    plan.map(({ id, port }) =>
      new GenericContainer(image)
        .withNetwork(network)
        .withNetworkAliases(`broker-${id}`)
        .withExposedPorts({ container: clientPort, host: port })
        .withEnvironment({ CLUSTER_ID: 'MillraceTestClusterId0', ...brokerEnvironment(properties(id, voters, `${host}:${port}`, brokers)) })
        .withWaitStrategy(Wait.forListeningPorts())
        .withStartupTimeout(readyWithinMs)
        .start(),
    ),
  )
  const addresses = plan.map(({ port }) => `${host}:${port}`)
  await clusterReady(addresses, brokers, readyWithinMs)
  const docker = async (brokerId: number, ...words: readonly string[]): Promise<void> => {
    await run('docker', [...words, expectContainer(containers, brokerId).getId()])
  }
  return {
    brokers: addresses,
    stop: async () => {
      await Promise.all(containers.map((container) => container.stop({ timeout: 0 })))
      await network.stop()
    },
    kill: async (brokerId) => docker(brokerId, 'kill', '--signal', 'KILL'),
    end: async (brokerId) => docker(brokerId, 'stop', '--time', '40'),
    freeze: async (brokerId) => docker(brokerId, 'pause'),
    thaw: async (brokerId) => docker(brokerId, 'unpause'),
    restart: async (brokerId) => {
      await docker(brokerId, 'start')
      await clusterReady([expectAddress(addresses, brokerId)], brokers, readyWithinMs)
    },
  }
}

function properties(id: number, voters: string, advertised: string, brokers: number): Record<string, string | number | boolean> {
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters,
    listeners: `CLIENT://:${clientPort},BROKER://:9094,CONTROLLER://:9093`,
    'advertised.listeners': `CLIENT://${advertised},BROKER://broker-${id}:9094`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    ...clusterRules(brokers),
  }
}

function expectContainer(containers: readonly StartedTestContainer[], brokerId: number): StartedTestContainer {
  const container = containers[brokerId - 1]
  if (container === undefined) throw new Error(`there is no broker ${brokerId}`)
  return container
}

function expectAddress(addresses: readonly string[], brokerId: number): string {
  const address = addresses[brokerId - 1]
  if (address === undefined) throw new Error(`there is no broker ${brokerId}`)
  return address
}
