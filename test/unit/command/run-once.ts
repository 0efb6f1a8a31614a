/** Runs a worker of modules/count-clicks.ts in a world until its tasks run, then stops it. */
import { join } from 'node:path'
import { eventually } from '../../support/eventually.ts'
import type { MemoryWorld } from './memory-world.ts'
import { start, type Running, type Said, type TerminalOptions } from './terminal.ts'

export const countClicksModule = join(import.meta.dirname, 'modules/count-clicks.ts')

/** Lines of the log, parsed. */
export const logOf = (
  running: Running,
): { readonly msg: string; readonly level: string; readonly code?: string; readonly url?: string }[] =>
  running.out.map((line) => JSON.parse(line))

export function startWorker(world: MemoryWorld, directory: string, words: readonly string[] = [], options: TerminalOptions = {}): Running {
  return start(['run', countClicksModule, '--brokers', 'memory:1', '--admin-port', '0', '--state-directory', directory, ...words], {
    world,
    ...options,
  })
}

/** Resolves with the address of the admin server when all tasks run. */
export async function ready(running: Running): Promise<string> {
  const gone = running.ended.then((said) => {
    throw new Error(`ended with ${said.code}: ${said.out} ${said.err}`)
  })
  const isReady = eventually(async () => {
    const url = logOf(running).find((line) => line.url !== undefined)?.url
    if (url === undefined) throw new Error(`not started: ${running.out.join('\n')}`)
    const response = await fetch(`${url}/ready`)
    const { why } = (await response.json()) as { readonly why: string } // As the admin server answers.
    if (!response.ok || why.startsWith('in the group')) throw new Error(why)
    return url
  })
  return await Promise.race([isReady, gone])
}

export async function runOnce(world: MemoryWorld, directory: string): Promise<Said> {
  const running = startWorker(world, directory)
  await ready(running)
  world.signal('SIGTERM')
  return await running.ended
}
