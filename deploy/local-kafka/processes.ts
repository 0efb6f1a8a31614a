/** Processes of this machine by their id: is it still that one, has it ended, end it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const pollMs = 20
const killWithinMs = 10_000

/** Whether process `pid` lives and `mark` (a folder that only it uses) stands in its command line. */
export function processIs(pid: number, mark: string): boolean {
  return commandLine(pid).includes(mark)
}

/** True when it ended within the time. */
export async function waitForEnd(pid: number, mark: string, withinMs: number): Promise<boolean> {
  const end = Date.now() + withinMs
  while (processIs(pid, mark)) {
    if (Date.now() > end) return false
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  return true
}

/** kill -9, and waits until the process is gone (its ports and files are then free). */
export async function killAndWait(pid: number, mark: string): Promise<void> {
  if (!processIs(pid, mark)) return
  process.kill(pid, 'SIGKILL')
  if (!(await waitForEnd(pid, mark, killWithinMs))) throw new Error(`process ${pid} is still there ${killWithinMs / 1_000} s after kill -9`)
}

/** Empty when there is no such process, or when it is dead and only waits to be collected. */
function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  } catch {
    // Both ways fail in the one case that is asked for here: there is no such process.
    return ''
  }
}
