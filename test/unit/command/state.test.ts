import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { realWorld } from '../../../libs/command/world.ts'
import { NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../../support/eventually.ts'
import { memoryWorld, type MemoryWorld } from './memory-world.ts'
import { ready } from './run-once.ts'
import { millrace, start, type Said } from './terminal.ts'

const module = join(import.meta.dirname, 'modules/visits.ts')
const directory = mkdtempSync(join(tmpdir(), 'millrace-'))
const TIME = Date.UTC(2026, 0, 1)
let world: MemoryWorld
/** What the running worker answered, before it was stopped. */
let live: Said
let locked: Said

/** Ann visits three pages, in a worker with stores on disk, which is then stopped. */
beforeAll(async () => {
  const memory = memoryWorld()
  world = Object.assign(memory, { openStores: realWorld.openStores })
  const topic = { replicationFactor: 1, partitions: 2, config: {} }
  await world.cluster.admin.createTopics([
    { ...topic, name: 'visits' },
    { ...topic, name: 'results' },
  ])
  const running = start(['run', module, '--brokers', 'memory:1', '--admin-port', '0', '--state-directory', directory], { world })
  const url = await ready(running)
  const visit = (page: string): { key: Buffer; value: Buffer; timestamp: number; headers: typeof NO_HEADERS } => ({
    key: Buffer.from('ann'),
    value: Buffer.from(JSON.stringify({ page })),
    timestamp: TIME,
    headers: NO_HEADERS,
  })
  await world.cluster.append([{ topic: 'visits', partition: 1, records: ['/a', '/b', '/a'].map(visit) }])
  live = await eventually(async () => {
    const said = await millrace(['state', 'get', module, 'memory', 'ann', '--admin', url, '--json'])
    if (said.code !== exitCodes.ok) throw new Error(said.err)
    return said
  })
  locked = await state('get', module, 'memory', 'ann')
  world.signal('SIGTERM')
  await running.ended
}, 30_000)
afterAll(() => world.cluster.close())

const state = (...words: string[]): Promise<Said> => millrace(['state', ...words, '--state-directory', directory, '--json'])

const remembered = {
  last: '/a',
  pages: [
    ['/a', 2],
    ['/b', 1],
  ],
  trail: ['/a', '/b', '/a'],
  'timer quiet': TIME + 1_800_000,
}

describe('millrace state', () => {
  it('tells what a step keeps for a key, by the names of its cells, in a stopped worker', async () => {
    const { code, out } = await state('get', module, 'memory', 'ann')
    expect(code).toBe(exitCodes.ok)
    expect(JSON.parse(out)).toEqual({ store: 'memory', key: 'ann', task: 'visits.1', value: remembered })
  })

  it('tells the same of a running worker', () => {
    expect(JSON.parse(live.out)).toMatchObject({ store: 'memory', key: 'ann', task: 'visits.1', value: remembered })
  })

  it('says to ask the running worker when its directory is locked', () => {
    expect(locked.code).toBe(exitCodes.failed)
    expect(locked.err).toContain('--running')
  })

  it('lists tasks with their last commit, positions and stores', async () => {
    const { out } = await state('tasks', module)
    const tasks = JSON.parse(out)
    expect(tasks.map((task: { readonly task: string }) => task.task)).toEqual(['visits.0', 'visits.1'])
    expect(tasks[1]).toMatchObject({ complete: true, positions: { 'visits:1': 3 }, steps: [{ step: 'memory' }] })
  })

  it('shows the first entries of a step, one JSON object for each line', async () => {
    const { out } = await state('scan', module, 'memory')
    const entries = out.split('\n').map((line) => JSON.parse(line))
    expect(entries).toContainEqual({ task: 'visits.1', key: 'ann', cell: 'last', value: '/a' })
    expect(entries).toContainEqual({ task: 'visits.1', key: 'ann', cell: 'pages', name: '/b', value: 1 })
    expect((await state('scan', module, 'memory', '--limit', '1')).out.split('\n')).toHaveLength(1)
  })

  it('takes a key as text, JSON or bytes', async () => {
    for (const words of [
      ['"ann"', '--key-as', 'json'],
      ['616e6e', '--key-as', 'hex'],
    ])
      expect(JSON.parse((await state('get', module, 'memory', ...words)).out)).toMatchObject({ value: { last: '/a' } })
  })

  it.each([
    [['get', module, 'memory', 'bob'], exitCodes.failed, 'no state for the key bob'],
    [['get', module, 'memry', 'ann'], exitCodes.failed, 'has no store "memry"; there are: memory'],
    [['get', module, 'memory', 'xyz', '--key-as', 'hex'], exitCodes.failed, 'it is no hex'],
    [['get', module, 'memory', 'ann', '--key-as', 'yaml'], exitCodes.usage, '--key-as is text, json, hex'],
    [['get', module, 'memory'], exitCodes.usage, 'state get <module> <store> <key>'],
    [['drop', module], exitCodes.usage, 'does tasks, get or scan'],
    [['scan', module, 'memory', '--limit', '0'], exitCodes.usage, '--limit must be a whole number'],
  ])('refuses %j', async (words, exit, hint) => {
    const { code, err } = await state(...words)
    expect(err).toContain(hint.replaceAll('"', '\\"'))
    expect(code).toBe(exit)
  })

  it('says where it looked when there is no state', async () => {
    const { code, err } = await millrace(['state', 'tasks', module, '--state-directory', '/nowhere'])
    expect([code, err.includes('/nowhere/visits.v1')]).toEqual([exitCodes.failed, true])
  })
})
