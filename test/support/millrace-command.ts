/** One `millrace` command as a user gives it, in a process of its own that can be killed when it says something. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { plainEnvironment, repositoryRoot } from './engine-worker.ts'

export interface CommandEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface CommandRequest {
  readonly words: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** kill -9 as soon as standard error holds these words. */
  readonly killAt?: string | undefined
  /** Called once, when standard error holds the words. */
  readonly when?: { readonly says: string; act(): void } | undefined
}

export async function millraceCommand({ words, environment, killAt, when }: CommandRequest): Promise<CommandEnd> {
  const program = join(repositoryRoot, 'node_modules/.bin/node')
  const child = spawn(program, [join(repositoryRoot, 'libs/command/millrace.mjs'), ...words], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...plainEnvironment(), ...environment },
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => {
    const before = err
    err += chunk.toString('utf8')
    if (when !== undefined && err.includes(when.says) && !before.includes(when.says)) when.act()
    if (killAt !== undefined && err.includes(killAt)) child.kill('SIGKILL')
  })
  return await new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, out, err })))
}
