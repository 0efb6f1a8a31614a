#!/usr/bin/env node
/**
 * The launcher, in plain JavaScript so that any Node can read it.
 *
 * Millrace runs its TypeScript directly, which needs Node 24. When this Node is older, the same file is started again with
 * MILLRACE_NODE, or with the Node of the npm package `node`. The child gets all signals and dies with its parent, also when
 * that is killed: an orphan would go on as owner of its tasks.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import nodeModule, { createRequire } from 'node:module'
import { constants, homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 24
const CHILD = 'NODE_OF_MILLRACE_LAUNCHER'
/** glibc's heap keeps what was freed for each thread, and more the longer it runs; so it gives it back. (deploy/guide/operations.md, "Memory") */
const MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' }
const isNewEnough = Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN

if (isNewEnough) {
  keepCompiled()
  if (process.env[CHILD] !== undefined) {
    delete process.env[CHILD]
    process.on('disconnect', () => process.exit(128 + constants.signals.SIGKILL))
    process.channel?.unref()
  }
  // `millrace config | head`: who reads has seen enough.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  const { main } = await import('./main.ts')
  const code = await main(process.argv.slice(2))
  // Into a pipe is written behind the back of the event loop: who reads slowly (less, a person) gets all of it.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))))
  // Not only the exit code: what could not be closed must not keep the process alive.
  process.exit(code)
} else {
  const node = process.env[CHILD] === undefined ? newerNode() : undefined
  if (node === undefined) {
    process.stderr.write(
      `MR2011 Node.js ${process.versions.node} is too old: Millrace needs ${NODE_MAJOR_MIN} or newer, and the npm package "node" is not installed.\n` +
        `  Install Node.js ${NODE_MAJOR_MIN}, or run "npm install --save-dev node@${NODE_MAJOR_MIN}", or name a Node in MILLRACE_NODE.\n`,
    )
    process.exit(2)
  }
  startAgainWith(node)
}

/** What Node makes of our TypeScript is kept for the next start, for threads too: a start then takes half of the time. Where it cannot be, nothing changes. */
function keepCompiled() {
  // Not in the folder for temporary files, where others could lay something for us.
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'millrace')
  const { ENABLED, ALREADY_ENABLED } = nodeModule.constants.compileCacheStatus
  const { status } = nodeModule.enableCompileCache(directory)
  if (status === ENABLED || status === ALREADY_ENABLED) process.env.NODE_COMPILE_CACHE ??= directory
}

function newerNode() {
  if (process.env.MILLRACE_NODE) return process.env.MILLRACE_NODE
  for (const from of [join(process.cwd(), 'package.json'), fileURLToPath(import.meta.url)]) {
    try {
      const manifest = createRequire(from).resolve('node/package.json')
      const { bin, version } = JSON.parse(readFileSync(manifest, 'utf8'))
      const path = join(dirname(manifest), typeof bin === 'string' ? bin : bin.node)
      if (Number(version.split('.')[0]) >= NODE_MAJOR_MIN && existsSync(path)) return path
    } catch {
      // Not installed there: the next place, else the message above.
    }
  }
  return undefined
}

function startAgainWith(node) {
  const child = spawn(node, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...MALLOC, ...process.env, [CHILD]: String(process.pid) },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`MR2011 cannot start ${node}: ${error.message}\n`)
    process.exit(2)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 0)))
}
