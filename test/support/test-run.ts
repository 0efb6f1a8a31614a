/** One run of jest, over all its processes: its folder for things that must end with it, and the process whose end is the run's end. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestRun {
  readonly dir: string
  readonly pid: number
}

const dirVariable = 'MILLRACE_TEST_RUN_DIR'
const pidVariable = 'MILLRACE_TEST_RUN_PID'

/** Called once, in jest's main process; its workers inherit the environment. */
export function beginTestRun(): void {
  process.env[dirVariable] = join(tmpdir(), `millrace-test-${randomUUID()}`)
  process.env[pidVariable] = String(process.pid)
}

/** The folder is made when somebody asks for it: most runs need none. */
export function testRun(): TestRun {
  const run = readTestRun()
  mkdirSync(run.dir, { recursive: true })
  return run
}

/** Removes the folder; `end` gets it before, if it was ever made, to end what runs in it. */
export async function endTestRun(end: (dir: string) => Promise<void>): Promise<void> {
  const { dir } = readTestRun()
  if (!existsSync(dir)) return
  await end(dir)
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
}

function readTestRun(): TestRun {
  const dir = process.env[dirVariable]
  const pid = Number(process.env[pidVariable])
  if (dir === undefined || !Number.isInteger(pid))
    throw new Error('no test run: this needs jest with globalSetup test/support/jest-setup.ts')
  return { dir, pid }
}
