import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { Fault } from '../../../libs/faults/fault.ts'
import { NO_HEADERS } from '../../../libs/runtime/ports/log.ts'
import { eventually } from '../../support/eventually.ts'
import { memoryWorld, type MemoryWorld } from './memory-world.ts'
import { countClicksModule, logOf, ready, startWorker } from './run-once.ts'
import { millrace } from './terminal.ts'

let world: MemoryWorld
let directory: string
afterEach(() => world.cluster.close())
beforeEach(async () => {
  world = memoryWorld()
  directory = mkdtempSync(join(tmpdir(), 'millrace-'))
  const topic = { replicationFactor: 1, partitions: 2, config: {} }
  await world.cluster.admin.createTopics([
    { ...topic, name: 'clicks' },
    { ...topic, name: 'counts', config: { 'cleanup.policy': 'compact' } },
  ])
})

const click = (user: string): Promise<void> =>
  world.cluster.append([
    {
      topic: 'clicks',
      partition: 0,
      records: [
        { key: Buffer.from('browser-1'), value: Buffer.from(JSON.stringify({ user })), timestamp: Date.now(), headers: NO_HEADERS },
      ],
    },
  ])

describe('millrace run', () => {
  it('runs the tasks of a module until SIGTERM, and ends with 0', async () => {
    const running = startWorker(world, directory)
    await ready(running)
    world.signal('SIGTERM')
    const { code, err } = await running.ended
    expect([code, err]).toEqual([exitCodes.ok, ''])
    const messages = logOf(running).map((line) => line.msg)
    expect(messages).toContain('stopping')
    expect(messages.at(-1)).toBe('stopped')
    expect(world.cluster.membersOf('count-clicks.v1')).toEqual([])
  })

  it('shows itself by its admin server: status, metrics, topology, and the state of a key', async () => {
    const running = startWorker(world, directory)
    const url = await ready(running)
    await click('ann')
    await click('ann')
    const get = async (path: string): Promise<string> => await (await fetch(url + path)).text()
    await eventually(async () => expect(JSON.parse(await get('/state/total/ann'))).toMatchObject({ found: true, value: { rows: 2 } }))
    expect(JSON.parse(await get('/state/total/bob'))).toMatchObject({ found: false, why: 'no state for this key' })
    expect(JSON.parse(await get('/state/totl/ann'))).toMatchObject({ found: false, stores: ['total'] })
    expect(JSON.parse(await get('/status'))).toMatchObject({ version: 1, application: 'count-clicks', worker: { state: 'running' } })
    expect(await get('/metrics')).toMatch(/millrace_commit_duration_seconds_count\{subtopology="user"\} [1-9]/)
    expect(JSON.parse(await get('/topology'))).toMatchObject({ name: 'count-clicks', group: 'count-clicks.v1' })
    expect(await get('/topology?format=kafka-streams')).toContain('Topologies:')
    const asked = await millrace(['state', 'get', countClicksModule, 'total', 'ann', '--admin', url, '--json'])
    expect(JSON.parse(asked.out)).toMatchObject({ store: 'total', key: 'ann', value: { rows: 2 } })
    world.signal('SIGINT')
    expect((await running.ended).code).toBe(exitCodes.ok)
  })

  it('gives its tasks less when memory is short, says so once, and more again when it is not', async () => {
    world.resident = 2 ** 30
    const running = startWorker(world, directory, ['--memory-bytes', '128MiB', '--state-memory-bytes', '64MiB'])
    const url = await ready(running)
    const shareOf = async (): Promise<number> => JSON.parse(await (await fetch(`${url}/status`)).text()).memory.memoryShare
    await eventually(async () => expect(await shareOf()).toBeLessThan(0.2))
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('millrace_memory_resident_bytes 1073741824')
    world.resident = 2 ** 20
    await eventually(async () => expect(await shareOf()).toBeGreaterThan(0.2))
    world.signal('SIGTERM')
    expect((await running.ended).code).toBe(exitCodes.ok)
    const said = logOf(running).flatMap(({ level, msg }) => (/memory/.test(msg) ? [`${level} ${msg}`] : []))
    expect(said).toEqual([expect.stringContaining('warn memory is short')])
  }, 30_000)

  it('takes a seat of its own beside another worker, and gives it back', async () => {
    const first = startWorker(world, directory)
    await ready(first)
    const second = startWorker(world, directory)
    await eventually(() => expect(readdirSync(join(directory, 'count-clicks.v1')).sort()).toEqual(['worker-0.pid', 'worker-1.pid']))
    world.signal('SIGTERM')
    await Promise.all([first.ended, second.ended])
    expect(readdirSync(join(directory, 'count-clicks.v1'))).toEqual([])
  })

  it('ends within shutdownMs, by the code of the signal, when a commit gets no answer', async () => {
    const running = startWorker(world, directory, ['--shutdown-ms', '100'])
    await ready(running)
    let answer: () => void = () => undefined
    const committing = new Promise<void>((seen) => {
      const answered = new Promise<undefined>((resolve) => (answer = () => resolve(undefined)))
      world.cluster.faults = {
        before: ({ operation }) => {
          if (operation !== 'commit') return undefined
          seen()
          return answered
        },
      }
    })
    await click('ann')
    await committing
    world.signal('SIGTERM')
    const { code } = await running.ended
    expect(code).toBe(exitCodes.terminated)
    expect(logOf(running).at(-1)).toMatchObject({ code: 'MR2070' })
    answer()
  })

  it('says in one line why it cannot work, with the code, and frees what it took', async () => {
    world.openLogFails = new Fault('MR3020', 'retry', 'no broker answers at memory:1')
    const running = startWorker(world, directory)
    const { code, out } = await running.ended
    expect(code).toBe(exitCodes.unreachable)
    expect(logOf(running)).toHaveLength(1)
    expect(JSON.parse(out)).toMatchObject({ level: 'fatal', code: 'MR3020', msg: 'no broker answers at memory:1' })
    expect(readdirSync(join(directory, 'count-clicks.v1'))).toEqual([])
  })

  it('ends with 3 when a topic is missing', async () => {
    await world.cluster.admin.deleteTopics(['counts'])
    const running = startWorker(world, directory)
    expect((await running.ended).code).toBe(exitCodes.topology)
    expect(logOf(running).at(-1)).toMatchObject({ code: 'MR5008', msg: expect.stringContaining('counts') })
  })

  it('ends with 2 when the state directory cannot be made', async () => {
    const running = startWorker(world, join(countClicksModule, 'state'))
    expect((await running.ended).code).toBe(exitCodes.usage)
    expect(logOf(running).at(-1)).toMatchObject({ code: 'MR2051', msg: expect.stringContaining('is no directory') })
  })

  it('ends with 2 when the admin port is taken', async () => {
    const first = startWorker(world, directory)
    const { port } = new URL(await ready(first))
    const second = startWorker(world, directory, ['--admin-port', port])
    expect((await second.ended).code).toBe(exitCodes.usage)
    expect(logOf(second).at(-1)).toMatchObject({ code: 'MR2020' })
    world.signal('SIGTERM')
    await first.ended
  })

  it('keeps secrets out of its log', async () => {
    const running = startWorker(world, directory, ['--admin-token', 'env:TOKEN', '--client-id', 'name-hunter2'], {
      environment: { TOKEN: 'hunter2' },
    })
    await eventually(() => expect(logOf(running).some((line) => line.url !== undefined)).toBe(true))
    world.signal('SIGTERM')
    expect((await running.ended).out).not.toContain('hunter2')
  })
})

describe('a module that gives no topology', () => {
  const modules = join(import.meta.dirname, 'modules')
  it.each([
    ['none.ts', 'MR2012', 'there is no such file'],
    ['broken.ts', 'MR2012', 'TypeError: the price list is not there'],
    ['named-only.ts', 'MR2013', 'Did you mean "export default countAgain"?'],
    ['two-faults.ts', 'MR1', 'two-faults'],
  ])('%s is refused with %s', async (name, faultCode, hint) => {
    const { code, err } = await millrace(['run', join(modules, name), '--brokers', 'memory:1'], { world })
    expect(code).toBe(exitCodes.topology)
    expect(err).toContain(faultCode)
    expect(err).toContain(hint)
  })
})

describe('millrace topology', () => {
  it.each([
    ['text', 'clicks -> keyBy user => count-clicks.v1.user.repartition'],
    ['mermaid', 'flowchart'],
    ['kafka-streams', 'Topologies:'],
    ['json', '"name":"count-clicks"'],
  ])('prints the graph as %s', async (format, part) => {
    const { code, out } = await millrace(['topology', countClicksModule, '--format', format])
    expect([code, out.includes(part)]).toEqual([exitCodes.ok, true])
  })

  it('refuses other formats', async () => {
    expect((await millrace(['topology', countClicksModule, '--format', 'gif'])).code).toBe(exitCodes.usage)
  })
})
