import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCodes } from '../../../libs/command/exit-codes.ts'
import { memoryWorld, type MemoryWorld } from './memory-world.ts'
import { runOnce } from './run-once.ts'
import { millrace, type Said } from './terminal.ts'

const module = join(import.meta.dirname, 'modules/count-clicks.ts')
let world: MemoryWorld
afterEach(() => world.cluster.close())
beforeEach(() => {
  world = memoryWorld()
})

const topics = (...words: string[]): Promise<Said> => millrace(['topics', ...words, '--brokers', 'memory:1'], { world })
const topic = (name: string, partitions: number, config: Record<string, string> = {}): Promise<void> =>
  world.cluster.admin.createTopics([{ name, partitions, replicationFactor: 1, config }])

describe('millrace topics check', () => {
  it('names every external topic that is missing, and ends with 3', async () => {
    const { code, out } = await topics('check', module)
    expect(code).toBe(exitCodes.topology)
    expect(out).toMatch(/clicks +input +- +- +failed; does not exist; millrace topics create <module> --external --partitions <n>/)
    expect(out).toMatch(/counts +output/)
    expect(out).toContain('MR2030 2 things do not fit.')
  })

  it('is content when external topics fit and internal ones are not there yet', async () => {
    await topic('clicks', 3)
    await topic('counts', 3, { 'cleanup.policy': 'compact' })
    const { code, out } = await topics('check', module)
    expect(code).toBe(exitCodes.ok)
    expect(out).toContain('does not exist yet; the first worker creates it')
    expect(out).toContain('All topics fit.')
  })

  it('warns of a table that is written to a topic that is not compacted', async () => {
    await topic('clicks', 3)
    await topic('counts', 3)
    const { out } = await topics('check', module)
    expect(out).toMatch(/counts .*warning; a table is written here, but the topic is not compacted/)
  })

  it('fails on internal topics whose settings or partitions would break a promise', async () => {
    await topic('clicks', 3)
    await topic('counts', 3, { 'cleanup.policy': 'compact' })
    await topic('count-clicks.v1.total.changelog', 2, { 'cleanup.policy': 'delete' })
    const { code, out } = await topics('check', module)
    expect(code).toBe(exitCodes.topology)
    expect(out).toContain('has 2 partitions, needs 3; cleanup.policy is delete, must be compact')
  })

  it('with --json tells the same facts', async () => {
    await topic('clicks', 3)
    const { out } = await topics('check', module, '--json')
    expect(JSON.parse(out)).toMatchObject({
      application: 'count-clicks',
      failed: 1,
      created: [],
      rows: [
        { topic: 'clicks', kind: 'input', partitions: 3, verdict: 'ok' },
        { topic: 'counts', kind: 'output', verdict: 'failed' },
      ],
    })
  })
})

describe('millrace topics create', () => {
  it('creates the internal topics with the settings that a worker checks', async () => {
    await topic('clicks', 3)
    await topic('counts', 3, { 'cleanup.policy': 'compact' })
    const { code, out } = await topics('create', module)
    expect(code).toBe(exitCodes.ok)
    expect(out).toMatch(/count-clicks\.v1\.total\.changelog +changelog +3 +1 +created/)
    expect((await topics('check', module)).out).toContain('All topics fit.')
    expect(await world.cluster.admin.topicConfig('count-clicks.v1.total.changelog')).toMatchObject({ 'cleanup.policy': 'compact' })
  })

  it('with --external creates the others too; tables compacted, and kept for ever on request', async () => {
    const { code } = await topics('create', module, '--external', '--partitions', '5', '--retain')
    expect(code).toBe(exitCodes.ok)
    expect((await world.cluster.admin.describeTopics(['clicks'])).get('clicks')?.partitions).toBe(5)
    expect(await world.cluster.admin.topicConfig('clicks')).toMatchObject({ 'retention.ms': '-1' })
    expect(await world.cluster.admin.topicConfig('counts')).toMatchObject({ 'cleanup.policy': 'compact' })
  })

  it('without --external says which topics it wants, and creates nothing', async () => {
    const { code, err } = await topics('create', module)
    expect(code).toBe(exitCodes.topology)
    expect(err).toContain('MR5008')
    expect(await world.cluster.admin.listTopics()).toEqual([])
  })

  it('changes nothing when it is done again', async () => {
    await topics('create', module, '--external', '--partitions', '2')
    const { code, out } = await topics('create', module, '--external', '--partitions', '2', '--json')
    expect([code, JSON.parse(out).created]).toEqual([exitCodes.ok, []])
  })

  it('does not replace internal topics that were deleted after a run: their content is lost', async () => {
    await topics('create', module, '--external', '--partitions', '2')
    await runOnce(world, mkdtempSync(join(tmpdir(), 'millrace-')))
    await world.cluster.admin.deleteTopics(['count-clicks.v1.total.changelog'])
    const { code, err } = await topics('create', module)
    expect(code).toBe(exitCodes.topology)
    expect(err).toContain('MR5006')
    expect(await world.cluster.admin.listTopics()).not.toContain('count-clicks.v1.total.changelog')
  })

  it.each([
    [['create', module, '--external'], '--external needs --partitions'],
    [['create', module, '--external', '--partitions', '0'], '--partitions must be a whole number'],
    [['delete', module], 'does check or create'],
  ])('refuses %j', async (words, hint) => {
    const { code, err } = await topics(...words)
    expect([code, err.includes(hint)]).toEqual([exitCodes.usage, true])
  })
})
