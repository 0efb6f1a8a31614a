import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectStore, inspectTasks } from '../../../libs/state/inspect.ts'
import { INTENT_KEY, encodeIntent } from '../../../libs/state/rocksdb-database.ts'
import { openingFailed } from '../../../libs/state/rocksdb-failures.ts'
import { rocksHome } from '../../../libs/state/rocksdb-store.ts'
import type { Store, StoreHome } from '../../../libs/state/store.ts'
import { TaskState } from '../../../libs/state/task-state.ts'
import { json, markAt } from '../../support/state-samples.ts'

const memoryBytes = 8 * 2 ** 20
let directory = ''
let home: StoreHome
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-faults-'))
  home = await rocksHome({ directory, memoryBytes, storesExpected: 1 })
})
afterEach(async () => {
  await home.close()
  rmSync(directory, { recursive: true })
})

const keyOf = (index: number): Buffer => Buffer.from(`key-${String(index).padStart(8, '0')}`)

/** A store with files on disk, not only a write-ahead log. */
async function filled(task: string): Promise<Store> {
  const store = await home.open(task)
  for (let batch = 0; batch < 10; batch += 1) {
    await store.write(Array.from({ length: 4_000 }, (_, index) => ({ key: keyOf(batch * 4_000 + index), value: Buffer.alloc(200, index) })))
  }
  return store
}

const fileOf = (task: string, pattern: RegExp): string => {
  const name = readdirSync(join(directory, task)).find((one) => pattern.test(one))
  if (name === undefined) throw new Error(`${task} has no file like ${pattern}`)
  return join(directory, task, name)
}

/** Every thousandth byte is another. */
function damage(file: string): void {
  const bytes = readFileSync(file)
  for (let at = 0; at < bytes.length; at += 1_000) bytes[at] = (bytes[at] ?? 0) ^ 0xff
  writeFileSync(file, bytes)
}

describe('damaged files of a local store', () => {
  it.each([
    ['an empty CURRENT', () => writeFileSync(fileOf('t', /^CURRENT$/u), '')],
    ['a damaged MANIFEST', () => damage(fileOf('t', /^MANIFEST/u))],
    ['a missing MANIFEST', () => rmSync(fileOf('t', /^MANIFEST/u))],
    ['a missing table', () => rmSync(fileOf('t', /\.sst$/u))],
    ['a table cut short', () => truncateSync(fileOf('t', /\.sst$/u), 100)],
  ])('%s is found when it is opened: rebuild it; after a wipe it opens empty', async (_, hurt) => {
    await (await filled('t')).close()
    hurt()
    await expect(home.open('t')).rejects.toMatchObject({ code: 'MR4003', action: 'acquire-again', place: { task: 't' } })
    await home.wipe('t')
    const store = await home.open('t')
    expect(store.get(keyOf(1))).toBeUndefined()
    await store.close()
  })

  it.each([
    ['on the event loop', async (store: Store) => void Array.from({ length: 40_000 }, (_, index) => store.get(keyOf(index)))],
    ['by a thread', async (store: Store) => void (await store.getMany(Array.from({ length: 40_000 }, (_, index) => keyOf(index))))],
    ['by a scan', async (store: Store) => void store.scan({ from: keyOf(0), to: undefined, limit: 40_000 })],
  ])('a damaged block is a fault when it is read %s; the store is then refused until it was wiped', async (_, read) => {
    await (await filled('t')).close()
    for (const name of readdirSync(join(directory, 't')).filter((one) => one.endsWith('.sst'))) {
      // The end of a table holds its index, which is looked at when it is opened; the blocks before it are not.
      const file = join(directory, 't', name)
      const bytes = readFileSync(file)
      for (let at = 100; at < bytes.length / 2; at += 500) bytes[at] = (bytes[at] ?? 0) ^ 0xff
      writeFileSync(file, bytes)
    }
    const store = await home.open('t')
    await expect(read(store)).rejects.toMatchObject({ code: 'MR4004', action: 'acquire-again' })
    await store.close()
    await expect(home.open('t')).rejects.toMatchObject({ code: 'MR4003', action: 'acquire-again' })
    await home.wipe('t')
    await (await home.open('t')).close()
  })

  it('a full disk or too few descriptors are not taken for damage: try again, wipe nothing', () => {
    const place = { task: 't', directory: '/state' }
    for (const message of [
      'IO error: No space left on device: While appending',
      'IO error: Too many open files',
      'IO error: Input/output error',
    ]) {
      expect(openingFailed(place, new Error(message))).toMatchObject({ code: 'MR4006', action: 'retry' })
    }
    expect(openingFailed(place, new Error('IO error: Permission denied: LOCK'))).toMatchObject({ code: 'MR4001', action: 'stop' })
  })
})

describe('the state directory', () => {
  it('that cannot be used stops the worker with a message that names it and the cure', async () => {
    const file = join(directory, 'a file')
    writeFileSync(file, '')
    for (const bad of [file, join(file, 'below'), '/proc/millrace']) {
      await expect(rocksHome({ directory: bad, memoryBytes })).rejects.toMatchObject({
        code: 'MR4001',
        action: 'stop',
        message: expect.stringMatching(new RegExp(`${bad}.*stateDirectory`, 'u')),
      })
    }
  })

  it('is created for its owner only, and so are the stores', async () => {
    const deep = join(directory, 'new', 'deep')
    const other = await rocksHome({ directory: deep, memoryBytes })
    await (await other.open('t')).close()
    await other.close()
    for (const path of [deep, join(deep, 't')]) expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  it('a store that is a link to somewhere else is not followed', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'millrace-elsewhere-'))
    symlinkSync(elsewhere, join(directory, 't'))
    await expect(home.open('t')).rejects.toMatchObject({ code: 'MR4001', action: 'stop' })
    expect(readdirSync(elsewhere)).toEqual([])
    rmSync(elsewhere, { recursive: true })
  })

  it('what an interrupted wipe has left is no store, and is deleted at the next start', async () => {
    mkdirSync(join(directory, 't.wiped-1'))
    writeFileSync(join(directory, 't.wiped-1', 'CURRENT'), 'x')
    expect(await home.list()).toEqual([])
    // A wipe beside it takes another name.
    await (await home.open('t')).close()
    await home.wipe('t')
    await (await rocksHome({ directory, memoryBytes })).close()
    expect(existsSync(join(directory, 't.wiped-1'))).toBe(false)
  })
})

describe('a clear that a crash has interrupted', () => {
  it('is finished when the store is opened', async () => {
    const store = await home.open('t')
    const write = (key: string, value: string) => ({ key: Buffer.from(key), value: Buffer.from(value) })
    const intent = encodeIntent({
      ranges: [{ from: Buffer.from('b'), to: Buffer.from('d') }],
      writes: [write('mark', '2'), write('c', 'new')],
    })
    // As the first of the three writes leaves it: what is to be done is written, nothing is done.
    await store.write([write('a', 'old'), write('b', 'old'), write('c', 'old'), write('mark', '1'), { key: INTENT_KEY, value: intent }])
    await store.close()
    const again = await home.open('t')
    const contents = again
      .scan({ from: Buffer.alloc(0), to: undefined, limit: 10 })
      .map(([key, value]) => `${String(key)}=${String(value)}`)
    expect(contents).toEqual(['a=old', 'c=new', 'mark=2'])
    await again.close()
  })
})

describe('looking into the directory of a stopped worker', () => {
  it('shows tasks, mark, steps, cells and entries of every kind', async () => {
    const store = await home.open('cell.0')
    const state = TaskState.open(store, ['totals', 'windows'], { cacheBytesMax: 0 })
    state.cells('totals').value('sum', json<number>()).set('k1', 1)
    state.cells('totals').map('names', json<number>()).set('k1', 'n1', 2)
    state.cells('totals').map('names', json<number>()).set('k1', 'n2', 3)
    state.cells('totals').map('names', json<number>()).set('k2', 'n1', 4)
    const windows = state.cells('windows').timed('open', json<number>())
    for (let time = -2_000; time < 2_000; time += 1) windows.set(time, time % 1_000 === 0 ? 'k1' : 'k2', time)
    await state.apply(state.freeze(), markAt(7))
    await store.close()

    expect(await inspectTasks(directory)).toEqual(['cell.0'])
    const inspected = await inspectStore(directory, 'cell.0')
    expect(inspected.mark).toEqual(markAt(7))
    expect(inspected.steps.map(({ step, cells }) => [step, Object.fromEntries(cells)])).toEqual([
      ['totals', { sum: 'value', names: 'map' }],
      ['windows', { open: 'timed' }],
    ])
    const shown = (entries: ReturnType<typeof inspected.get>): string[] =>
      entries.map(({ key, name, time, value }) =>
        [key, name, time, value].map((part) => (part === undefined ? '' : String(part))).join(' '),
      )
    const k1 = Buffer.from('k1')
    expect(shown(inspected.get('totals', 'sum', k1))).toEqual(['k1   1'])
    expect(shown(inspected.get('totals', 'sum', Buffer.from('k')))).toEqual([])
    expect(shown(inspected.get('totals', 'names', k1))).toEqual(['k1 n1  2', 'k1 n2  3'])
    expect(shown(inspected.get('windows', 'open', k1))).toEqual(['k1  -2000 -2000', 'k1  -1000 -1000', 'k1  0 0', 'k1  1000 1000'])
    expect(shown(inspected.scan('windows', 'open', 2))).toEqual(['k1  -2000 -2000', 'k2  -1999 -1999'])
    expect(() => inspected.get('totals', 'no', k1)).toThrow(
      expect.objectContaining({ code: 'MR4008', message: expect.stringContaining('sum of totals') }),
    )
    expect(() => inspected.get('no', 'sum', k1)).toThrow(expect.objectContaining({ code: 'MR4008' }))
    await inspected.close()
  })

  it('says which tasks there are when the one asked for is not', async () => {
    await (await home.open('cell.0')).close()
    await expect(inspectStore(directory, 'cell.7')).rejects.toMatchObject({ code: 'MR4008', message: expect.stringContaining('cell.0') })
    await expect(inspectStore(join(directory, 'none'), 'cell.7')).rejects.toMatchObject({ code: 'MR4008' })
    expect(existsSync(join(directory, 'cell.7'))).toBe(false)
  })
})
