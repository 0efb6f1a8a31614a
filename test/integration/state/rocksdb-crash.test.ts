import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inspectStore } from '../../../libs/state/inspect.ts'
import { rocksHome } from '../../../libs/state/rocksdb-store.ts'
import { TaskState } from '../../../libs/state/task-state.ts'
import { FILLED_KEYS, WRITER_KEYS, WRITER_STEP, WRITER_TASK, filledKey } from '../../support/state-writer.ts'
import { json } from '../../support/state-samples.ts'

const script = join(import.meta.dirname, '../../support/state-writer.ts')
let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Starts the writer; resolves when it has said `commits` commits. `last` is the last one it has said. */
async function startWriter(commits: number, mode: 'write' | 'fill' = 'write'): Promise<{ readonly process: ChildProcess; last(): number }> {
  const child = spawn(process.execPath, [script, mode, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let last = 0
  let said = 0
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the writer ended by itself with code ${code}`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      last = Number(line)
      said += 1
      if (said === commits) resolve()
    })
  })
  return { process: child, last: () => last }
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'close')
  child.kill('SIGKILL')
  await exit
}

describe('a worker that is killed with -9 while it writes', () => {
  it('leaves its store whole: every key stands at the commit that the mark names, which is not older than the last it knew of', async () => {
    for (const commits of [5, 8, 23, 40, 61]) {
      const writer = await startWriter(commits)
      await kill(writer.process)
      const store = await inspectStore(directory, WRITER_TASK)
      try {
        const n = store.mark?.n ?? 0
        expect(n).toBeGreaterThanOrEqual(writer.last())
        const entries = store.scan(WRITER_STEP, 'v', 10_000)
        expect(entries).toHaveLength(n % 3 === 0 ? 20 : WRITER_KEYS)
        expect(new Set(entries.map(({ value }) => Buffer.from(value).toString()))).toEqual(new Set([String(n)]))
      } finally {
        await store.close()
      }
    }
  }, 60_000)

  it('while it lives, nobody else gets its store: that is said clearly, and passes when it is gone', async () => {
    const writer = await startWriter(1)
    const home = await rocksHome({ directory, memoryBytes: 8 * 2 ** 20 })
    try {
      const locked = { code: 'MR4002', action: 'retry', message: expect.stringContaining(directory) }
      await expect(home.open(WRITER_TASK)).rejects.toMatchObject(locked)
      await expect(inspectStore(directory, WRITER_TASK)).rejects.toMatchObject(locked)
    } finally {
      await kill(writer.process)
    }
    await (await home.open(WRITER_TASK)).close()
    await home.close()
  }, 30_000)

  it('opens 1,000,000 keys at once when it starts again, all of them there', async () => {
    const writer = await startWriter(1, 'fill')
    await kill(writer.process)
    const begun = performance.now()
    const home = await rocksHome({ directory, memoryBytes: 64 * 2 ** 20, storesExpected: 1 })
    const state = TaskState.open(await home.open(WRITER_TASK), [WRITER_STEP], { cacheBytesMax: 0 })
    const openMs = performance.now() - begun
    const cell = state.cells(WRITER_STEP).value('v', json<{ count: number }>())
    expect(state.mark?.n).toBe(FILLED_KEYS)
    for (let index = 0; index < FILLED_KEYS; index += 99_999) expect(cell.get(filledKey(index))?.count).toBe(index)
    await home.close()
    // Measured: 0.1 to 0.2 s. Reading them all would take ten times longer than this bound.
    expect(openMs).toBeLessThan(3_000)
  }, 120_000)
})

describe('a process that ends by itself', () => {
  it('while its threads write and read, ends as it wanted to', async () => {
    const child = spawn(process.execPath, [script, 'exit', directory], { stdio: ['ignore', 'ignore', 'pipe'] })
    let complaints = ''
    child.stderr.on('data', (text) => (complaints += String(text)))
    const [code, signal]: unknown[] = await once(child, 'close')
    expect([code, signal, complaints]).toEqual([0, null, ''])
  }, 30_000)
})
