/** One run of jest, over all its processes: its folder for things that must end with it, and the process whose end is the run's end. */
import { mkdtempSync, rmSync } from 'node:fs'
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
  process.env[dirVariable] = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  process.env[pidVariable] = String(process.pid)
}

export function testRun(): TestRun {
  const dir = process.env[dirVariable]
  const pid = Number(process.env[pidVariable])
  if (dir === undefined || !Number.isInteger(pid))
    throw new Error('no test run: this needs jest with globalSetup test/support/jest-setup.ts')
  return { dir, pid }
}

export function endTestRun(): void {
  rmSync(testRun().dir, { recursive: true, force: true, maxRetries: 5 })
}
