/** Local stores that fail while their tasks run: files damaged under them, a disk that fills up, rights that are taken away. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { rocksHome } from '../../../libs/state/rocksdb-store.ts'
import { AttackedStore, CHAIN_CHANGELOG } from '../../support/attacked-store.ts'
import type { Seat } from '../../support/memory-application.ts'

const said = (seat: Seat): string => seat.notes.map(({ message }) => message).join('\n')
const isRoot = process.getuid?.() === 0

let store: AttackedStore
beforeEach(async () => {
  store = await AttackedStore.open()
})
afterEach(() => store.close())

async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    await store.round()
    await store.app.settle()
  }
}

describe('tables that are damaged while their task runs', () => {
  it('are found when they are read; the store is rebuilt, the other task goes on, and no result shows it', async () => {
    const seat = await store.start({ settings: { stateMemoryBytes: 2 } })
    for (let attack = 0; attack < 4; attack += 1) {
      await rounds(10)
      for (const name of readdirSync(store.storeOf(0)).filter((one) => one.endsWith('.sst'))) spoil(join(store.storeOf(0), name))
      await rounds(3)
    }
    expect(said(seat)).toContain('deeds.0 is wiped')
    expect(said(seat)).not.toContain('deeds.1 is wiped')
    expect(await store.difference()).toBeUndefined()
  }, 60_000)
})

/** In place: whoever has the file open reads it. */
function spoil(file: string): void {
  const bytes = readFileSync(file)
  for (let at = 50; at < bytes.length; at += 300) bytes[at] = (bytes[at] ?? 0) ^ 0xff
  writeFileSync(file, bytes, { flag: 'r+' })
}

// A disk of its own needs the right to mount; make test runs as root in CI and in containers.
const describeAsRoot = isRoot ? describe : describe.skip

describeAsRoot('a disk that is full', () => {
  let mounted = false
  function mount(bytes: string): void {
    mkdirSync(store.directory, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', store.directory])
    mounted = true
  }
  const filler = (): string => join(store.directory, 'filler')
  function fill(): void {
    const chunk = Buffer.alloc(64 * 1024)
    try {
      for (;;) writeFileSync(filler(), chunk, { flag: 'a' })
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    }
  }
  afterEach(async () => {
    await store.closeHome()
    if (mounted) execFileSync('umount', [store.directory])
    mounted = false
  })

  it('while tasks write and flush: nothing is committed without its state, it is tried slowly, and all goes on when there is room', async () => {
    mount('24m')
    const seat = await store.start()
    await rounds(3)
    fill()
    for (let round = 0; round < 30; round += 1) await store.round()
    // What RocksDB gives back on its way is taken again.
    await store.app.until(() => {
      fill()
      return said(seat).includes('keeps failing')
    }, 'it has given up')
    const tries = (): number => store.app.tasks().reduce((sum, task) => sum + task.history.aborts, 0)
    const before = tries()
    await store.app.clock.pass(10 * 60_000)
    expect(tries() - before).toBeLessThanOrEqual(2 * 11)
    expect(seat.worker.state).not.toBe('failed')
    rmSync(filler())
    await store.app.settle()
    await rounds(2)
    expect(await store.difference()).toBeUndefined()
  }, 120_000)

  it('while a store is restored: the restore goes on from where it was when there is room', async () => {
    const first = await store.start()
    await rounds(6)
    await store.kill(first)
    rmSync(store.directory, { recursive: true })
    mount('24m')
    fill()
    const seat = await store.start()
    await store.app.until(() => said(seat).includes('keeps failing'), 'it has given up')
    rmSync(filler())
    await store.app.settle()
    await rounds(2)
    expect(await store.difference()).toBeUndefined()
  }, 120_000)

  it('that is too small for the state, beside a worker with room: the other one gets the tasks', async () => {
    mount('1m')
    const small = await store.start()
    await rounds(1)
    const elsewhere = join(store.root, 'elsewhere')
    const home = await rocksHome({ directory: elsewhere, memoryBytes: 6 * 2 ** 20, storesExpected: 1 })
    const large = await store.startBeside(home)
    for (let round = 0; round < 12; round += 1) await store.round()
    await store.app.until(() => large.worker.tasks.size === 2, 'the other one has both tasks')
    await store.app.settle()
    expect(said(small)).toContain('keeps failing')
    expect(await store.difference()).toBeUndefined()
    await store.app.stop(large)
    await home.close()
  }, 120_000)

  it('at the start does not end the worker', async () => {
    mount('1m')
    fill()
    const seat = await store.start()
    await store.app.clock.pass(60_000)
    expect(seat.worker.state).not.toBe('failed')
  }, 60_000)
})

/** Root has every right: only the immutable flag keeps it out, which not every file system has. */
function setReadOnly(directory: string, is: boolean): void {
  if (isRoot) execFileSync('chattr', [is ? '+i' : '-i', directory])
  else chmodSync(directory, is ? 0o555 : 0o755)
}
function canBeReadOnly(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-read-only-'))
  try {
    setReadOnly(directory, true)
    setReadOnly(directory, false)
    return true
  } catch {
    return false // Not with these rights, or not on this file system.
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const ROUNDS_MAX = 60

const describeReadOnly = canBeReadOnly() ? describe : describe.skip

describeReadOnly('a store whose directory turns read-only while its task runs', () => {
  it('ends the worker with a message that names it; another worker takes all tasks, and no result is lost or counted twice', async () => {
    const seat = await store.start()
    await rounds(3)
    const elsewhere = await rocksHome({ directory: join(store.root, 'elsewhere'), memoryBytes: 6 * 2 ** 20, storesExpected: 1 })
    const directory = store.storeOf(0)
    let fault: unknown
    setReadOnly(directory, true)
    try {
      // What RocksDB has open it can still write: it is seen when a write buffer is full.
      for (let round = 0; round < ROUNDS_MAX && fault === undefined; round += 1)
        fault = await rounds(1).then(
          () => undefined,
          (error: unknown) => error,
        )
    } finally {
      setReadOnly(directory, false)
    }
    expect(fault).toMatchObject({ code: 'MR4001' })
    expect(seat.worker.state).toBe('failed')
    expect(said(seat)).toMatch(/the worker fails: the state directory .*(?:Operation not permitted|Permission denied)[^]*stateDirectory/u)
    seat.alive = false
    const heir = await store.startBeside(elsewhere)
    await store.app.settle()
    await rounds(2)
    expect(heir.worker.tasks.size).toBe(2)
    expect(await store.difference()).toBeUndefined()
    await store.app.stop(heir)
    await elsewhere.close()
  }, 120_000)
})

describe('a store of which a part of the changelog is compacted while it is restored', () => {
  it('is the same as if nothing had happened', async () => {
    const first = await store.start()
    await rounds(8)
    await store.kill(first)
    rmSync(store.directory, { recursive: true })
    let fetches = 0
    store.app.log.faults = {
      before: ({ operation, topic }) => {
        if (operation === 'fetch' && topic === CHAIN_CHANGELOG && (fetches += 1) > 1) store.app.log.compact(CHAIN_CHANGELOG)
        return undefined
      },
    }
    await store.start()
    await rounds(2)
    expect(fetches).toBeGreaterThan(1)
    expect(await store.difference()).toBeUndefined()
  }, 60_000)
})
