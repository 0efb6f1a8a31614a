import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { inspectStore } from '../../../libs/state/inspect.ts'
import { rocksHome } from '../../../libs/state/rocksdb-store.ts'
import { WRITER_KEYS, WRITER_STEP, WRITER_TASK } from '../../support/state-writer.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

/** Starts the writer; resolves when it has said `commits` commits. `last` is the last one it has said. */
async function startWriter(commits: number): Promise<{ readonly process: ChildProcess; last(): number }> {
  const script = join(import.meta.dirname, '../../support/state-writer.ts')
  const child = spawn(process.execPath, [script, 'write', directory], { stdio: ['ignore', 'pipe', 'inherit'] })
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
})
