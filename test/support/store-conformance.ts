/** The conformance suite of the store port: what every home must do, one promise a test. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Store, StoreHome, StoreWrite } from '../../libs/state/store.ts'

export interface HomeUnderTest {
  readonly home: StoreHome
  /** Ends the process in the manner of kill -9, as far as this home can, and starts it again: the disk stays. */
  restart(): Promise<StoreHome>
  close(): Promise<void>
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const put = (key: string, value: string): StoreWrite => ({ key: bytes(key), value: bytes(value) })
const remove = (key: string): StoreWrite => ({ key: bytes(key), value: null })
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString('latin1')
const contents = (store: Store): Record<string, string | undefined> =>
  Object.fromEntries(store.scan({ from: bytes(''), to: undefined, limit: 1_000_000 }).map(([key, value]) => [text(key) ?? '', text(value)]))

export function storeConformance(name: string, makeHome: () => Promise<HomeUnderTest>): void {
  describe(`the store port at home in ${name}`, () => {
    let made: HomeUnderTest | undefined
    let tasks = 0
    const under = (): HomeUnderTest => {
      if (made === undefined) throw new Error('the home did not open')
      return made
    }
    const newTask = (): string => `task.${tasks++}`
    const withStore = async (use: (store: Store, task: string) => Promise<void>): Promise<void> => {
      const task = newTask()
      const store = await under().home.open(task)
      try {
        await use(store, task)
      } finally {
        await store.close()
      }
    }
    beforeAll(async () => {
      made = await makeHome()
    })
    afterAll(async () => {
      await made?.close()
    })

    readingPromises(withStore)
    writingPromises(withStore)
    lifePromises(under, newTask)
  })
}

type WithStore = (use: (store: Store, task: string) => Promise<void>) => Promise<void>

function readingPromises(withStore: WithStore): void {
  it('a new store is empty', () =>
    withStore(async (store) => {
      expect(contents(store)).toEqual({})
      expect(store.get(bytes('a'))).toBeUndefined()
      expect(await store.getMany([bytes('a'), bytes('b')])).toEqual([undefined, undefined])
    }))

  it('reads of many keys answer in the order of the keys, absent and repeated ones too', () =>
    withStore(async (store) => {
      await store.write([put('a', '1'), put('b', ''), put('c', '3')])
      const values = await store.getMany([bytes('c'), bytes('x'), bytes('a'), bytes('b'), bytes('a')])
      expect(values.map(text)).toEqual(['3', undefined, '1', '', '1'])
      expect(await store.getMany([])).toEqual([])
    }))

  it('keys are ordered by unsigned bytes, a prefix before what it begins', () =>
    withStore(async (store) => {
      const keys = ['\x00', '\x00\x00', '\x7f', '\x80', '\xff', '\xfe\xff', 'a', 'aa', 'b']
      await store.write(keys.map((key) => put(key, key)))
      expect(Object.keys(contents(store))).toEqual(keys.toSorted())
    }))

  it('a scan goes from its first key, inclusive, to its last, exclusive, and no further than its limit', () =>
    withStore(async (store) => {
      await store.write(['a', 'b', 'c', 'd'].map((key) => put(key, key.toUpperCase())))
      const scan = (from: string, to: string | undefined, limit = 10): (string | undefined)[] =>
        store.scan({ from: bytes(from), to: to === undefined ? undefined : bytes(to), limit }).map(([key]) => text(key))
      expect(scan('b', 'd')).toEqual(['b', 'c'])
      expect(scan('bb', undefined)).toEqual(['c', 'd'])
      expect(scan('a', undefined, 2)).toEqual(['a', 'b'])
      expect(scan('a', 'a')).toEqual([])
      expect(scan('e', undefined)).toEqual([])
      expect(scan('a', undefined, 0)).toEqual([])
    }))

  it('keys and values may hold any bytes and be large', () =>
    withStore(async (store) => {
      const key = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const value = Buffer.alloc(3_000_000, 0xab)
      await store.write([{ key, value }])
      expect(Buffer.compare(store.get(key) ?? Buffer.alloc(0), value)).toBe(0)
      expect(Buffer.compare((await store.getMany([key]))[0] ?? Buffer.alloc(0), value)).toBe(0)
    }))

  it('what a read has given is not changed by later writes, nor does changing it change the store', () =>
    withStore(async (store) => {
      await store.write([put('a', 'old')])
      const read = store.get(bytes('a'))
      await store.write([put('a', 'new')])
      expect(text(read)).toBe('old')
      store.get(bytes('a'))?.fill(0)
      expect(text(store.get(bytes('a')))).toBe('new')
    }))

  it('the memory of keys and values belongs to the caller again when a call has resolved', () =>
    withStore(async (store) => {
      const key = bytes('key')
      const value = bytes('value')
      await store.write([{ key, value }])
      key.fill(0)
      value.fill(0)
      expect(contents(store)).toEqual({ key: 'value' })
    }))
}

function writingPromises(withStore: WithStore): void {
  for (const size of [1, 1_000]) {
    it(`later writes to one key win within a batch (of ${size + 3})`, () =>
      withStore(async (store) => {
        const others = Array.from({ length: size }, (_, index) => put(`other-${index}`, 'o'))
        await store.write([put('a', '1'), put('b', '1'), ...others, put('a', '2'), remove('b')])
        expect(text(store.get(bytes('a')))).toBe('2')
        expect(store.get(bytes('b'))).toBeUndefined()
        expect(Object.keys(contents(store))).toHaveLength(size + 1)
      }))
  }

  it('writes that overlap are done in the order of the calls', () =>
    withStore(async (store) => {
      const big = (value: string): StoreWrite[] => Array.from({ length: 2_000 }, (_, index) => put(`k${index}`, value))
      await Promise.all([store.write(big('1')), store.write([put('k7', '2')]), store.write(big('3')), store.write([put('k8', '4')])])
      expect(text(store.get(bytes('k7')))).toBe('3')
      expect(text(store.get(bytes('k8')))).toBe('4')
    }))

  it('a delete of what is not there is no fault', () =>
    withStore(async (store) => {
      await store.write([remove('nothing')])
      expect(contents(store)).toEqual({})
    }))

  it('clearing ranges removes their keys, keeps their ends, and then does the writes', () =>
    withStore(async (store) => {
      await store.write(['a', 'b1', 'b2', 'c', 'd1', 'd2', 'e'].map((key) => put(key, 'old')))
      const range = (from: string, to: string): { from: Buffer; to: Buffer } => ({ from: bytes(from), to: bytes(to) })
      await store.clearRanges([range('b', 'c'), range('d', 'd2')], [put('b1', 'new'), put('x', 'new'), remove('a')])
      expect(contents(store)).toEqual({ b1: 'new', c: 'old', d2: 'old', e: 'old', x: 'new' })
      await store.clearRanges([range('a', 'a')], [])
      await store.clearRanges([], [put('y', 'new')])
      expect(Object.keys(contents(store))).toEqual(['b1', 'c', 'd2', 'e', 'x', 'y'])
    }))

  it('a range can be filled again after it was cleared', () =>
    withStore(async (store) => {
      await store.write(Array.from({ length: 500 }, (_, index) => put(`k${index}`, 'old')))
      await store.clearRanges([{ from: bytes('k'), to: bytes('l') }], [])
      await store.write([put('k7', 'new')])
      expect(contents(store)).toEqual({ k7: 'new' })
      expect((await store.getMany([bytes('k7'), bytes('k8')])).map(text)).toEqual(['new', undefined])
    }))

  it('its size grows with what is in it', () =>
    withStore(async (store) => {
      const before = store.sizeBytes()
      await store.write(Array.from({ length: 1_000 }, (_, index) => put(`key-${index}`, 'v'.repeat(2_000))))
      expect(store.sizeBytes()).toBeGreaterThan(before + 100_000)
    }))
}

function lifePromises(under: () => HomeUnderTest, newTask: () => string): void {
  it('what was written is there after closing and opening, for each task apart', async () => {
    const [one, other] = [newTask(), newTask()]
    for (const task of [one, other]) {
      const store = await under().home.open(task)
      await store.write([put('task', task)])
      await store.close()
    }
    const store = await under().home.open(one)
    expect(contents(store)).toEqual({ task: one })
    await store.close()
  })

  it('what was written is there after a crash', async () => {
    const task = newTask()
    const before = await under().home.open(task)
    await before.write(Array.from({ length: 1_000 }, (_, index) => put(`k${String(index).padStart(4, '0')}`, 'v')))
    await before.clearRanges([{ from: bytes('k0'), to: bytes('k0999') }], [put('x', 'v')])
    const home = await under().restart()
    const store = await home.open(task)
    expect(contents(store)).toEqual({ k0999: 'v', x: 'v' })
    await store.close()
  })

  it('a store that is open cannot be opened again: that is a fault to try again after, until it was closed', async () => {
    const task = newTask()
    const store = await under().home.open(task)
    await expect(under().home.open(task)).rejects.toMatchObject({ code: 'MR4002', action: 'retry' })
    await store.close()
    await (await under().home.open(task)).close()
  })

  it('closing waits for what is under way, and may be asked for twice', async () => {
    const task = newTask()
    const store = await under().home.open(task)
    const writing = store.write(Array.from({ length: 3_000 }, (_, index) => put(`k${index}`, 'v')))
    const reading = store.getMany([bytes('k1'), bytes('none')])
    await Promise.all([store.close(), store.close()])
    await writing
    expect((await reading)[1]).toBeUndefined()
    const again = await under().home.open(task)
    expect(Object.keys(contents(again))).toHaveLength(3_000)
    await again.close()
  })

  it('a wiped store is empty when it is opened again, and wiping what is not there is no fault', async () => {
    const task = newTask()
    const store = await under().home.open(task)
    await store.write([put('a', '1')])
    await store.close()
    await under().home.wipe(task)
    expect(await under().home.list()).not.toContain(task)
    const again = await under().home.open(task)
    expect(contents(again)).toEqual({})
    await again.close()
    await under().home.wipe(newTask())
  })

  it('lists the tasks that have a store, whatever their names are', async () => {
    const names = ['ride/requests → cell.0', '../../etc/passwd.1', '.', 'a'.repeat(249) + '.12', 'x.wiped-3', 'Ünïcode%41.0']
    for (const name of names) await (await under().home.open(name)).close()
    expect(await under().home.list()).toEqual(expect.arrayContaining(names))
    for (const name of names) await under().home.wipe(name)
    expect((await under().home.list()).filter((name) => names.includes(name))).toEqual([])
  })
}
