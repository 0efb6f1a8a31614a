/** The parts of deploy/local-kafka that decide; the brokers themselves are held by test/integration/deploy. */
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { brokerEnvironment, brokerProperties, clusterRules } from '../../../deploy/local-kafka/broker-properties.ts'
import { clusterView } from '../../../deploy/local-kafka/cluster-probe.ts'
import { freePort, isFree } from '../../../deploy/local-kafka/free-port.ts'
import { javaMajorVersion } from '../../../deploy/local-kafka/kafka-jars.ts'
import { readLocalCluster, stopLocalCluster } from '../../../deploy/local-kafka/local-cluster.ts'
import { givenBrokers, startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { repositoryRoot } from '../../support/architecture/source-file.ts'

const given = process.env['KAFKA_BROKERS']
const folder = mkdtempSync(join(tmpdir(), 'millrace-local-kafka-'))

afterEach(() => {
  if (given === undefined) delete process.env['KAFKA_BROKERS']
  else process.env['KAFKA_BROKERS'] = given
  rmSync(folder, { recursive: true, force: true })
})

const broker = (id: number): Parameters<typeof brokerProperties>[0] => ({
  id,
  port: 9000 + id,
  controllerPort: 9100 + id,
  dir: `/kafka/broker-${id}`,
  pid: undefined,
})

describe('Java', () => {
  it.each([
    { answer: 'openjdk version "17.0.15" 2025-04-15', major: 17 },
    { answer: 'java version "1.8.0_402"', major: 8 },
    { answer: 'openjdk version "21" 2023-09-19', major: 21 },
    { answer: 'bash: java: command not found', major: undefined },
  ])('of $answer has the major version $major', ({ answer, major }) => {
    expect(javaMajorVersion(answer)).toBe(major)
  })
})

describe('a machine on which Kafka cannot be started', () => {
  const up = (path: string): { readonly status: number | null; readonly said: string } => {
    const words = ['deploy/local-kafka/local-kafka.ts', 'up', '--port', '0', '--dir', join(path, 'kafka')]
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: repositoryRoot, env: { PATH: path }, encoding: 'utf8' })
    return { status, said: stderr }
  }

  it.each([
    { machine: 'without Java', java: undefined, says: 'needs Java 17 or later, and "java -version" does not work' },
    {
      machine: 'with Java 11',
      java: 'openjdk version "11.0.2" 2019-01-15',
      says: 'needs Java 17 or later; "java" is openjdk version "11.0.2"',
    },
  ])('$machine is told so in one line, with the cure, and the exit code is 1', ({ java, says }) => {
    const path = mkdtempSync(folder)
    if (java !== undefined) writeFileSync(join(path, 'java'), `#!/bin/sh\necho '${java}' >&2\n`, { mode: 0o755 })

    const { status, said } = up(path)

    rmSync(path, { recursive: true })
    expect(status).toBe(1)
    expect(said.trimEnd().split('\n')).toHaveLength(1)
    expect(said).toContain(says)
    expect(said).toContain('apt-get install openjdk-17-jdk-headless maven')
  })
})

describe('the configuration of brokers', () => {
  it('never makes topics by accident and never deletes events because they are of the past', () => {
    expect(clusterRules(1)).toMatchObject({ 'auto.create.topics.enable': false, 'log.retention.ms': -1 })
  })

  it('keeps transactions and offsets through the loss of one broker of three', () => {
    expect(clusterRules(3)).toMatchObject({
      'transaction.state.log.replication.factor': 3,
      'transaction.state.log.min.isr': 2,
      'offsets.topic.replication.factor': 3,
      'min.insync.replicas': 2,
    })
  })

  it('gives each broker its own address and all of them the same voters', () => {
    const brokers = [broker(1), broker(2), broker(3)]
    const texts = brokers.map((one) => brokerProperties(one, brokers))

    expect(texts.map((text) => /^advertised\.listeners=(.*)$/mu.exec(text)?.[1])).toEqual(
      [1, 2, 3].map((id) => `CLIENT://127.0.0.1:900${id}`),
    )
    expect(new Set(texts.map((text) => /^controller\.quorum\.voters=(.*)$/mu.exec(text)?.[1])).size).toBe(1)
  })

  it('is written as the image of Kafka reads it', () => {
    expect(brokerEnvironment({ 'log.retention.ms': -1 })).toEqual({ KAFKA_LOG_RETENTION_MS: '-1' })
  })
})

describe('KAFKA_BROKERS', () => {
  it('is a list of addresses; empty is not set', () => {
    process.env['KAFKA_BROKERS'] = ' a:1, b:2 ,'
    expect(givenBrokers()).toEqual(['a:1', 'b:2'])
    process.env['KAFKA_BROKERS'] = ' '
    expect(givenBrokers()).toBeUndefined()
  })

  it('that leads nowhere is told with its value and what to do', async () => {
    process.env['KAFKA_BROKERS'] = 'not an address'

    await expect(startKafka({ readyWithinMs: 0 })).rejects.toThrow(
      /KAFKA_BROKERS is "not an address" and does not answer.*unset KAFKA_BROKERS/u,
    )
  })
})

describe('the probe', () => {
  it('refuses what listens but does not speak Kafka', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const port = await freePort()
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve)
    })
    try {
      expect(await isFree(port)).toBe(false)
      await expect(clusterView(`127.0.0.1:${port}`)).rejects.toThrow('the answer is not Kafka')
    } finally {
      server.close()
    }
  })

  it('gives up when nothing listens', async () => {
    await expect(clusterView(`127.0.0.1:${await freePort()}`)).rejects.toThrow('ECONNREFUSED')
  })
})

describe('the folder of a cluster', () => {
  it('whose process number belongs to somebody else holds no running Kafka, nobody is killed, and what is not of Kafka stays', async () => {
    const dir = mkdtempSync(folder)
    const foreign = { ...broker(1), dir: join(dir, 'broker-1'), pid: process.pid }
    writeFileSync(join(dir, 'cluster.json'), JSON.stringify({ clusterId: 'M', brokers: [foreign] }))
    writeFileSync(join(dir, 'letter.txt'), 'not of Kafka')

    expect(readLocalCluster(dir)).toBeUndefined()
    expect(await stopLocalCluster(dir, { keepData: false })).toBe(false)
    expect(readdirSync(dir)).toEqual(['letter.txt'])
    rmSync(dir, { recursive: true })
  })
})
