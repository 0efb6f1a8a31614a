/** Hole S10: the live version is reset while another one runs beside it. */
import { afterEach, describe, expect, it } from '@jest/globals'
import { json, text, topic, topology, type } from 'millrace'
import { encodeShared, sharedTopic } from '../../../../libs/runtime/switch/shared-state.ts'
import type { SharedRecord } from '../../../../libs/runtime/switch/shared-state.ts'
import { epochsOf } from '../../../support/reset-cases.ts'
import { TwoVersions, writerOf } from '../../../support/two-versions.ts'

const clicks = topic('clicks', { key: text, value: json(type<{ readonly page: string }>()) })
const seen = topic('seen', { key: text, value: json(type<string>()) })
const echo = (version: number) =>
  topology('echo', { version }, (flow) => {
    flow
      .stream(clicks)
      .map((click) => `v${version}:${click.page}`)
      .to(seen)
  })

let world: TwoVersions | undefined
afterEach(async () => {
  await world?.app.close()
  world = undefined
})

async function opened(): Promise<TwoVersions> {
  world = await TwoVersions.open(echo(1), echo(2))
  for (let n = 0; n < 6; n += 1) await world.app.send('clicks', 'k', { page: `p${n}` })
  return world
}

const write = async ({ app }: TwoVersions, record: SharedRecord): Promise<void> =>
  await app.log
    .append([
      { topic: sharedTopic('echo'), partition: 0, records: [{ key: null, value: encodeShared(record), timestamp: 0, headers: [] }] },
    ])
    .then(() => undefined)

describe('a reset of the live version', () => {
  it('with one stage waits while a switch is open, and changes nothing; when it has ended it is done', async () => {
    const two = await opened()
    const { app } = two
    const { old } = await two.bothRun()
    await app.stop(old)
    await write(two, { kind: 'switch', from: 1, to: 2, purpose: 'promote', at: 0 })
    await app.moveOffsets({ 'clicks:0': 2 })
    const waiting = await two.startOld({ home: old.home })
    await app.until(() => waiting.notes.some(({ message }) => message.includes('from v1 to v2 is open')), 'it waits')
    expect(await app.committed('clicks')).toEqual({ position: 2, metadata: '' })
    await two.abandon()
    await app.until(async () => (await app.committed('clicks'))?.position === 6, 'it was reset')
    expect(epochsOf(app)).toContain(2)
  })

  it('while the shadow runs makes that one wait; switched before the live one is there again, the switch is abandoned', async () => {
    const two = await opened()
    const { app } = two
    const { old } = await two.bothRun()
    await app.stop(old)
    await app.moveOffsets({ 'clicks:0': 1 })
    // It may die while it starts.
    const again = await two.startOld({ home: old.home, dies: { at: 'after-store-write', nth: 1 } }).catch(() => undefined)
    expect(again?.killed ?? true).toBe(true)
    await app.until(async () => (await app.committed('clicks'))?.position === 1, 'it was reset')
    await expect(two.promote({ fence: true })).rejects.toMatchObject({ code: 'MR2065' })
    expect(await two.role(1)).toBe('live')
    await two.startOld({ home: old.home })
    await app.until(async () => (await app.committed('clicks'))?.position === 6, 'it has caught up')
    await two.rest()
    await two.promote()
    await app.send('clicks', 'k', { page: 'p6' })
    await two.rest()
    const written = await app.read('seen')
    expect(written.filter((record) => writerOf(record) === 2).map(({ value }) => JSON.parse(String(value)))).toEqual(['v2:p6'])
    expect(written).toHaveLength(6 + 5 + 1)
  })
})
