/**
 * `node test/support/proof/hunt-bugs.ts [seeds=n] [only=words]`, in the Makefile `make verify-bugs`: `make verify` on workers with each planted bug in turn, until a check fails; says
 * which one. README.md has the table.
 */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { stopLocalCluster } from '../../../deploy/local-kafka/local-cluster.ts'
import { startKafka } from '../../../deploy/local-kafka/start-kafka.ts'
import { plantedBugs, wireBugs } from '../simulation/planted-bugs.ts'
import { prove } from './prove.ts'

const SEEDS = 3

const wordOf = (name: string): string | undefined =>
  process.argv
    .slice(2)
    .find((word) => word.startsWith(`${name}=`))
    ?.slice(name.length + 1)

async function hunt(brokers: readonly string[], bug: string, seeds: number): Promise<string> {
  for (let seed = 1; seed <= seeds; seed++) {
    let failed: string[]
    try {
      const { checks } = await prove({ brokers, seed, bug, say: () => undefined })
      failed = checks.filter(({ passed }) => !passed).map(({ name, note }) => `${name}: ${note.slice(0, 200)}`)
    } catch (error) {
      failed = [`the run did not come to its end: ${String(error).slice(0, 400)}`]
    }
    if (failed.length > 0) return `seed ${seed}\n    ${failed.join('\n    ')}`
  }
  return `NOT FOUND with ${seeds} seeds`
}

async function main(): Promise<void> {
  const directory = resolve('.millrace/verify-bugs', String(process.pid))
  mkdirSync(directory, { recursive: true })
  process.env['TMPDIR'] = directory
  const only = wordOf('only') ?? ''
  const seeds = Number(wordOf('seeds') ?? SEEDS)
  const kafka = await startKafka({ brokers: 1, port: 0, dir: directory, guardPid: process.pid, home: 'local' })
  try {
    for (const { name, edits } of [...plantedBugs, ...wireBugs]) {
      // No worker loads the in-memory log.
      if (!name.includes(only) || edits.every(({ file }) => file.startsWith('libs/memory/'))) continue
      const begun = performance.now()
      const found = await hunt(kafka.brokers, name, seeds)
      process.stdout.write(`${name} (${Math.round((performance.now() - begun) / 1_000)} s): ${found}\n`)
    }
  } finally {
    await stopLocalCluster(directory, { graceMs: 0, keepData: false })
  }
}

await main()
process.exit(process.exitCode ?? 0)
