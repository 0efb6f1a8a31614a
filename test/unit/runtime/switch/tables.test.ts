import { afterEach, describe, expect, it } from '@jest/globals'
import { json, text, topic, topology, type } from 'millrace'
import type { Topology } from 'millrace'
import { TableScan } from '../../../../libs/runtime/switch/publish-differences.ts'
import type { TablePreview } from '../../../../libs/runtime/switch/publish-differences.ts'
import type { SwitchResult } from '../../../../libs/runtime/switch/run-switch.ts'
import { TwoVersions } from '../../../support/two-versions.ts'

interface Click {
  readonly page: string
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const totals = topic('totals', { key: text, value: json(type<number>()) })

/** Version 2 counts `twice` twice and `gone` not at all. */
const counting = (stages: 1 | 2, version: number): Topology =>
  topology('tables', { version }, (flow) => {
    const input = flow.stream(clicks)
    const keyed = stages === 1 ? input : input.keyBy('page', (click) => click.page)
    keyed
      .filter((click) => version === 1 || click.page !== 'gone')
      .aggregate('total', { initial: () => 0, add: (total, click) => total + (version === 2 && click.page === 'twice' ? 2 : 1) })
      .to(totals)
  })

let world: TwoVersions | undefined
afterEach(async () => {
  await world?.app.close()
  world = undefined
})
async function open(stages: 1 | 2): Promise<TwoVersions> {
  world = await TwoVersions.open(counting(stages, 1), counting(stages, 2), { partitions: 2 })
  return world
}
async function send(...pages: string[]): Promise<void> {
  for (const page of pages) await world?.app.send('clicks', page, { page }, { partition: page.length % 2 })
}
async function promote(to: number, max: number): Promise<{ readonly preview: TablePreview; readonly result: SwitchResult }> {
  if (world === undefined) throw new Error('not open')
  const scan = new TableScan(world.context(), await world.shared(), to)
  const preview = await world.app.during(scan.scan())
  const purpose = to === 1 ? 'rollback' : 'promote'
  const result = await world.promote({ to, purpose, beforeDecision: async ({ s }) => await scan.handOver(s, max) })
  return { preview, result }
}

for (const stages of [1, 2] as const) {
  describe(`tables at a switch, ${stages === 1 ? 'one stage' : 'two stages'}`, () => {
    it('become those of the new version: differing rows and tombstones are published, equal ones and those of others stay', async () => {
      const app = await open(stages)
      await send('same', 'twice', 'twice', 'gone', 'other')
      await app.bothRun()
      await app.app.log.append([
        { topic: 'totals', partition: 0, records: [{ key: Buffer.from('foreign'), value: Buffer.from('7'), timestamp: 0, headers: [] }] },
      ])
      const before = (await app.app.read('totals')).length
      const { preview, result } = await promote(2, 100)
      expect(result.decision).toBe('flip')
      expect(preview).toEqual({ differences: 2, tombstones: 1, leftAlone: 0 })
      await app.rest()
      expect(await app.app.lastText('totals')).toEqual({ same: 1, twice: 4, gone: null, other: 1, foreign: 7 })
      expect((await app.app.read('totals')).length).toBe(before + 2)
      await send('twice', 'gone', 'same')
      await app.rest()
      expect(await app.app.lastText('totals')).toEqual({ same: 2, twice: 6, gone: null, other: 1, foreign: 7 })
    })

    it('stay as they are when more rows differ than may be published, and the live version goes on', async () => {
      const app = await open(stages)
      await send('twice', 'gone')
      await app.bothRun()
      await expect(promote(2, 1)).rejects.toThrow(/differ from what readers see in 2 rows, more than --max-differences 1/)
      await send('twice')
      await app.rest()
      expect(await app.app.lastText('totals')).toEqual({ twice: 2, gone: 1 })
      expect(await app.role(1)).toBe('live')
    })

    it('S12: are not emptied by a version whose shadow is not complete', async () => {
      const app = await open(stages)
      await send('same', 'gone')
      await app.bothRun()
      await promote(2, 100)
      await app.replay(1)
      await app.rest()
      const { preview } = await promote(1, 100)
      expect(preview.tombstones).toBe(0)
      expect(preview.leftAlone).toBe(1)
      await send('same', 'gone')
      await app.rest()
      expect(await app.app.lastText('totals')).toEqual({ same: 2, gone: 2 })
    })

    it('are those of today when a version becomes live for the third time, not those of its first time in shadow', async () => {
      const app = await open(stages)
      await send('twice')
      await app.bothRun()
      await promote(2, 100)
      await app.replay(1)
      await send('twice')
      await app.rest()
      // Its row of now, 2, stands in its shadow.
      await promote(1, 100)
      await send('twice')
      await app.rest()
      expect(await app.app.lastText('totals')).toEqual({ twice: 3 })
      await app.replay(2)
      await app.rest()
      await promote(2, 100)
      await app.rest()
      expect(await app.app.lastText('totals')).toEqual({ twice: 6 })
      await app.replay(1)
      await app.rest()
      await promote(1, 100)
      await app.rest()
      // What it wrote as live is not known to be its own task's: the row stays, until it writes it again.
      expect(await app.app.lastText('totals')).toEqual({ twice: 6 })
      await send('twice')
      await app.rest()
      expect(await app.app.lastText('totals')).toEqual({ twice: 4 })
    })
  })
}
