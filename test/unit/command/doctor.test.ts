import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checksumCheck, nodeCheck } from '../../../libs/command/machine-checks.ts'
import { durabilityNotes } from '../../../libs/command/topic-report.ts'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { Fault } from '../../../libs/faults/fault.ts'
import { NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import { memoryWorld, type MemoryWorld } from './memory-world.ts'
import { countClicksModule } from './run-once.ts'
import { millrace } from './terminal.ts'

let world: MemoryWorld
let directory: string
afterEach(() => world.cluster.close())
beforeEach(() => {
  world = memoryWorld()
  directory = mkdtempSync(join(tmpdir(), 'millrace-'))
})

interface Facts {
  readonly code: number
  readonly failed: number
  readonly checks: readonly { readonly name: string; readonly verdict: string; readonly found: string; readonly cure: string }[]
}

async function doctor(...words: string[]): Promise<Facts> {
  const { code, out } = await millrace(['doctor', ...words, '--json', '--brokers', 'memory:1'], { world, directory })
  return { code, ...JSON.parse(out) }
}

const of = (facts: Facts, name: string): Facts['checks'][number] | undefined => facts.checks.find((check) => check.name === name)

describe('millrace doctor', () => {
  it('checks machine and cluster, and leaves no trace', async () => {
    const facts = await doctor()
    expect(facts).toMatchObject({ code: exitCodes.ok, failed: 0 })
    for (const name of [
      'settings',
      'Node',
      'RocksDB',
      'state directory',
      'disk',
      'file descriptors',
      'checksums',
      'memory',
      'brokers',
      'transactions',
    ])
      expect(of(facts, name)).toBeDefined()
    expect(existsSync(join(directory, '.millrace'))).toBe(false)
    expect(await world.cluster.admin.listTopics()).toEqual([])
  })

  it('says when checksums are slower here than they could be', () => {
    expect(checksumCheck(true).verdict).toBe('ok')
    expect(checksumCheck(false)).toMatchObject({ verdict: 'warning', cure: expect.stringContaining('--omit=optional') })
  })

  it('gives every check that is not well a cure', async () => {
    const { checks } = await doctor(countClicksModule)
    const bad = checks.filter((check) => check.verdict === 'failed' || check.verdict === 'warning')
    expect(bad.length).toBeGreaterThan(0)
    for (const { cure } of bad) expect(cure).not.toBe('')
  })

  it('fails with 1 when topics of the module are missing', async () => {
    const facts = await doctor(countClicksModule)
    expect(facts.code).toBe(exitCodes.failed)
    expect(of(facts, 'topic clicks')).toMatchObject({ verdict: 'failed', found: 'does not exist' })
  })

  it('fails with 4 when the cluster cannot be reached', async () => {
    world.openLogFails = new Fault('MR3020', 'retry', 'no broker answers')
    const facts = await doctor()
    expect(facts.code).toBe(exitCodes.unreachable)
    expect(of(facts, 'brokers')).toMatchObject({ verdict: 'failed', found: 'no broker answers' })
  })

  it('fails when the broker refuses transactions, and says which right is missing', async () => {
    world.cluster.faults = {
      before: ({ operation }) => {
        if (operation === 'openProducer') throw new Fault('MR3024', 'stop', 'not authorized for the transactional id')
        return undefined
      },
    }
    expect(of(await doctor(), 'transactions')).toMatchObject({
      verdict: 'failed',
      cure: expect.stringContaining('Write on the transactional id'),
    })
  })

  it('warns of input records from the future: a clock is wrong somewhere', async () => {
    await world.cluster.admin.createTopics([{ name: 'clicks', partitions: 2, replicationFactor: 1, config: {} }])
    const ahead = { key: null, value: null, timestamp: Date.now() + 600_000, headers: NO_HEADERS }
    await world.cluster.append([{ topic: 'clicks', partition: 1, records: [ahead] }])
    expect(of(await doctor(countClicksModule), 'clocks')).toMatchObject({
      verdict: 'warning',
      found: expect.stringContaining('ahead of the clock'),
    })
  })

  it('skips the cluster when no brokers are set', async () => {
    const { code, out } = await millrace(['doctor'], { world, directory })
    expect([code, out.includes('no brokers are set')]).toEqual([exitCodes.ok, true])
  })

  it('fails when the state directory cannot be made, without waiting for ever', async () => {
    const facts = await doctor('--state-directory', join(countClicksModule, 'x'))
    expect(of(facts, 'state directory')).toMatchObject({ verdict: 'failed', found: expect.stringContaining('no directory') })
  })

  it('with --strict fails for warnings too', async () => {
    expect((await doctor('--strict')).code).toBe(exitCodes.failed)
  })
})

describe('what doctor says of', () => {
  it.each([
    ['24.0.0', 'ok'],
    ['20.20.2', 'failed'],
  ])('Node %s: %s', (version, verdict) => {
    expect(nodeCheck(version).verdict).toBe(verdict)
  })

  it.each([
    [3, '2', []],
    [3, '1', ['min.insync.replicas is 1: an acknowledged record can be lost with one broker; set 2']],
    [3, '3', ['min.insync.replicas equals its 3 replicas: one broker down stops writing']],
    [2, '3', ['min.insync.replicas 3 is more than its 2 replicas: nothing can be written']],
    [1, '1', []],
  ])('a topic with %d replicas and min.insync.replicas %s', (replicationFactor, inSync, notes) => {
    expect(durabilityNotes({ partitions: 1, replicationFactor, config: { 'min.insync.replicas': inSync } })).toEqual(notes)
  })
})
