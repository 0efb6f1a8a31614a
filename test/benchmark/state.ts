/**
 * What state costs, on the hot path and for each commit: `npx node test/benchmark/state.ts [hot|commit|read|timed|open]...`.
 * Times are processor time of the main thread, so that other work on the machine does not count; "wall" is what a clock shows.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toKeyBytes } from '../../libs/dataflow/cells.ts'
import type { KeyBytes } from '../../libs/dataflow/cells.ts'
import { userChangelogRecord } from '../../libs/state/changelog.ts'
import { encodeUser } from '../../libs/state/changelog.ts'
import { memoryHome } from '../../libs/state/memory-store.ts'
import { rocksHome } from '../../libs/state/rocksdb-store.ts'
import type { StoreHome } from '../../libs/state/store.ts'
import { TaskState } from '../../libs/state/task-state.ts'
import { restore } from '../support/changelog-records.ts'
import { json, markAt } from '../support/state-samples.ts'

interface Total {
  readonly count: number
  readonly sum: number
  readonly last: string
}

const KEYS = 100_000
const CHANGED = 7_000
const MIB = 2 ** 20
const options = { cacheBytesMax: 256 * MIB }
const keys: KeyBytes[] = Array.from({ length: KEYS }, (_, index) => toKeyBytes(Buffer.from(`customer-${String(index).padStart(7, '0')}`)))
const total = (index: number): Total => ({ count: index, sum: index * 1.5, last: '2026-01-01T00:00:00.000Z' })
const keyAt = (index: number): KeyBytes => keys[index % KEYS] ?? ''
/** The same numbers in every run. */
let seed = 1
const random = (below: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
  return seed % below
}
/** The kernel counts processor time in ticks, so a single short measurement says little: means of many. */
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Milliseconds of processor time of this thread. */
const busy = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

interface Measured {
  readonly main: number
  readonly wall: number
}

async function measured(work: () => Promise<void> | void): Promise<Measured> {
  const before = busy()
  const begun = performance.now()
  await work()
  return { main: busy() - before, wall: performance.now() - begun }
}

async function inDirectory(use: (home: StoreHome, reopen: () => Promise<StoreHome>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const open = (): Promise<StoreHome> => rocksHome({ directory, memoryBytes: 64 * MIB, storesExpected: 1 })
  const home = await open()
  try {
    await use(home, open)
  } finally {
    await home.close()
    rmSync(directory, { recursive: true })
  }
}

async function hot(): Promise<void> {
  const state = TaskState.open(await memoryHome().open('t'), ['totals'], options)
  const cell = state.cells('totals').value('total', json<Total>())
  for (let index = 0; index < KEYS; index += 1) cell.set(keyAt(index), total(index))
  await state.apply(state.freeze(), markAt(1))
  const spread = Array.from({ length: 100_000 }, () => random(KEYS))
  const rates: number[] = []
  for (let round = 0; round < 60; round += 1) {
    const begun = busy()
    for (let index = 0; index < CHANGED; index += 1) {
      const key = keyAt(spread[(round * CHANGED + index) % spread.length] ?? 0)
      const before = cell.get(key)
      cell.set(key, { count: (before?.count ?? 0) + 1, sum: 1, last: '' })
    }
    rates.push(((busy() - begun) * 1_000_000) / CHANGED)
    await state.apply(state.freeze(), markAt(round + 2))
  }
  say(`hot     get + set of a value, warm, ${KEYS} keys              ${(1_000 / mean(rates)).toFixed(2)} million pairs/s`)
}

async function commitWith(name: string, home: StoreHome): Promise<void> {
  const state = TaskState.open(await home.open('t'), ['totals'], options)
  const cell = state.cells('totals').value('total', json<Total>())
  const freezes: number[] = []
  const records: number[] = []
  const applies: Measured[] = []
  for (let n = 0; n < 60; n += 1) {
    for (let index = 0; index < CHANGED; index += 1) cell.set(keyAt(n < 15 ? n * CHANGED + index : random(KEYS)), total(index))
    const begun = busy()
    const frozen = state.freeze()
    const sealed = busy()
    let bytes = 0
    for (const change of frozen.changes.get('totals') ?? []) bytes += userChangelogRecord(change, 1, 0).key.length
    const made = busy()
    if (bytes === 0) throw new Error('nothing was changed')
    const applied = await measured(() => state.apply(frozen, markAt(n)))
    if (n < 20) continue
    freezes.push(sealed - begun)
    records.push(made - sealed)
    applies.push(applied)
  }
  const main = mean(applies.map((one) => one.main))
  const wall = mean(applies.map((one) => one.wall))
  say(
    `commit  ${name}, ${CHANGED} changed keys: freeze ${mean(freezes).toFixed(2)} ms, changelog records ${mean(records).toFixed(2)} ms, ` +
      `apply ${main.toFixed(2)} ms main of ${wall.toFixed(2)} ms`,
  )
}

async function commit(): Promise<void> {
  await commitWith('memory ', memoryHome())
  await inDirectory((home) => commitWith('RocksDB', home))
}

async function read(): Promise<void> {
  await inDirectory(async (home) => {
    const filled = TaskState.open(await home.open('t'), ['totals'], options)
    for (let index = 0; index < KEYS; index += 1) filled.cells('totals').value('total', json<Total>()).set(keyAt(index), total(index))
    await filled.apply(filled.freeze(), markAt(1))
    for (const batch of [256, 1_000]) {
      const times: Measured[] = []
      for (let round = 0; round < 30; round += 1) {
        // Without the cache each round reads the store.
        filled.discard()
        const cell = filled.cells('totals').value('total', json<Total>())
        times.push(
          await measured(async () => {
            for (let index = 0; index < batch; index += 1) cell.prefetch(keyAt(random(KEYS)))
            await filled.prefetchPending()
          }),
        )
      }
      say(
        `read    prefetch of ${batch} keys: ${mean(times.map((t) => t.main)).toFixed(2)} ms main of ${mean(times.map((t) => t.wall)).toFixed(2)} ms`,
      )
    }
    filled.discard()
    const cell = filled.cells('totals').value('total', json<Total>())
    const begun = busy()
    for (let index = 0; index < 2_000; index += 1) cell.get(keyAt(index * 37))
    say(`read    on the event loop: ${(((busy() - begun) / 2_000) * 1_000).toFixed(1)} µs a key`)
  })
}

async function timed(): Promise<void> {
  await inDirectory(async (home) => {
    const state = TaskState.open(await home.open('t'), ['windows'], options)
    const cell = state.cells('windows').timed('open', json<Total>())
    const times = 10_000
    for (let time = 0; time < times; time += 1) cell.set(1_000_000 + time * 1_000, keyAt(time), total(time))
    await state.apply(state.freeze(), markAt(1))
    let begun = busy()
    for (let index = 0; index < 1_000_000; index += 1) cell.take(999_999)
    say(`timed   asking what is due when nothing is: ${(busy() - begun).toFixed(0)} ns`)
    begun = busy()
    let taken = 0
    while (cell.take(Infinity).length > 0) taken += 1
    say(`timed   taking ${taken} distinct times from the store: ${(((busy() - begun) / taken) * 1_000).toFixed(1)} µs each`)
    begun = busy()
    for (let index = 0; index < 500_000; index += 1) {
      const time = 2_000_000 + (index % 100) * 60_000
      const key = keyAt(index)
      cell.set(time, key, total((cell.get(time, key)?.count ?? 0) + 1))
      if (index % 50_000 === 0) await state.apply(state.freeze(), markAt(index))
    }
    say(`timed   get + set, mostly new keys: ${(0.5 / ((busy() - begun) / 1_000)).toFixed(2)} million pairs/s`)
  })
}

async function open(): Promise<void> {
  await inDirectory(async (home, reopen) => {
    const many = 1_000_000
    const state = TaskState.open(await home.open('t'), ['totals'], options)
    const restored = await measured(async () => {
      for (let from = 0; from < many; from += 10_000) {
        const records = Array.from({ length: 10_000 }, (_, index) => ({
          kind: 'user' as const,
          key: encodeUser(Buffer.from(`\x05totalcustomer-${String(from + index).padStart(9, '0')}`)).subarray(1),
          value: Buffer.from(JSON.stringify(total(index))),
          epoch: 1,
        }))
        await restore(state, 'totals', records, markAt(1))
      }
    })
    say(
      `open    restore of ${many} keys: ${(restored.wall / 1_000).toFixed(1)} s wall, ${(restored.main / 1_000).toFixed(1)} s main, ${(state.sizeBytes() / MIB).toFixed(0)} MiB on disk`,
    )
    await home.close()
    const again = performance.now()
    const other = await reopen()
    const reopened = TaskState.open(await other.open('t'), ['totals'], options)
    const first = reopened.cells('totals').value('total', json<Total>()).get('customer-000500000')
    say(
      `open    of a store with ${many} keys, and one read: ${(performance.now() - again).toFixed(0)} ms${first === undefined ? ', but it is empty!' : ''}`,
    )
    await other.close()
  })
}

const parts = { hot, commit, read, timed, open }
const wanted = process.argv.slice(2)
for (const [name, part] of Object.entries(parts)) if (wanted.length === 0 || wanted.includes(name)) await part()
