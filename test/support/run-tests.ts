/**
 * Runs the project's checks and tests: `node test/support/run-tests.ts check|integration|architecture|all`.
 *
 * Owns the order (cheap and telling first), a deadline for each part, and the last line, `N passed, N failed`: the sum of what jest
 * itself counted over all its runs. A test file that could not even be loaded, a part that ended without a count, a part that was over
 * its deadline and a static check that failed are one failure each. The exit code is 0 only when nothing failed and something passed.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { addCounts, jestCounts, noCounts, verdictLine, type Counts } from './test-counts.ts'

interface Part {
  readonly name: string
  /** Program and its words; found in node_modules/.bin. */
  readonly command: readonly string[]
  readonly deadlineMs: number
  readonly kind: 'static' | 'jest'
}

const root = resolve(import.meta.dirname, '../..')
const minute = 60_000
/** By SIGINT or SIGTERM: what runs is told to end, nothing more is started, and the run counts as failed. */
let interrupted = false

const staticParts: readonly Part[] = [
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'], deadlineMs: 2 * minute, kind: 'static' },
  { name: 'types', command: ['tsc', '-p', '.'], deadlineMs: 5 * minute, kind: 'static' },
  { name: 'lint', command: ['oxlint', '--type-aware', '.'], deadlineMs: 5 * minute, kind: 'static' },
]
const architecture: Part = { name: 'architecture', command: ['jest', 'test/unit/architecture'], deadlineMs: 2 * minute, kind: 'jest' }
const withoutKafka: Part = {
  name: 'tests without Kafka',
  // jest's own choice leaves one processor free, which is half of a small machine.
  command: ['jest', '--maxWorkers=100%', '--testPathIgnorePatterns', '/node_modules/', '/test/integration/'],
  deadlineMs: 10 * minute,
  kind: 'jest',
}
const withKafka: Part = {
  name: 'tests with Kafka',
  // Two at a time: a broker, two test files and their workers are what a small machine bears without running into time limits.
  command: ['jest', '--maxWorkers=2', 'test/integration'],
  deadlineMs: 25 * minute,
  kind: 'jest',
}

const plans: Readonly<Record<string, readonly Part[]>> = {
  check: [...staticParts, withoutKafka],
  integration: [withKafka],
  architecture: [architecture],
  all: [...staticParts, withoutKafka, withKafka],
}

async function runPart(part: Part): Promise<Counts> {
  say(`\n== ${part.name}`)
  const startedAt = Date.now()
  const counts = part.kind === 'jest' ? await runJest(part) : await runStatic(part)
  say(`== ${part.name}: ${counts.failed === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - startedAt) / 1_000).toFixed(1)} s`)
  return counts
}

async function runStatic(part: Part): Promise<Counts> {
  const code = await runCommand(part.command, part.deadlineMs)
  return code === 0 ? noCounts : { ...noCounts, failed: 1 }
}

async function runJest(part: Part): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-counts-'))
  const file = join(folder, 'counts.json')
  try {
    const code = await runCommand([...part.command, '--json', `--outputFile=${file}`], part.deadlineMs)
    return jestCounts(readIfThere(file), code)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The exit code; a program that is over its deadline is killed with all its children and counts as failed. */
function runCommand(command: readonly string[], deadlineMs: number): Promise<number> {
  const [program = '', ...words] = command
  const env = {
    ...process.env,
    PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
  }
  return new Promise((done) => {
    // jest writes its JSON to the file and what people read to stderr; stdout would be that JSON's echo.
    const child = spawn(program, words, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
    const end = (signal: NodeJS.Signals): void => {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    }
    const deadline = setTimeout(() => {
      say(`${program} is over its deadline of ${deadlineMs / minute} minutes and is killed`)
      end('SIGKILL')
    }, deadlineMs)
    const interrupt = (): void => {
      interrupted = true
      end('SIGTERM')
    }
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
    const finish = (code: number): void => {
      clearTimeout(deadline)
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
      done(code)
    }
    child.once('error', (error) => {
      say(`${program} could not be started: ${error.message}`)
      finish(127)
    })
    child.once('exit', (code) => finish(code ?? 1))
  })
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // jest did not get as far as writing it; the caller counts that as a failure.
    return undefined
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

const plan = plans[process.argv[2] ?? '']
if (plan === undefined) {
  process.stderr.write(`usage: node test/support/run-tests.ts ${Object.keys(plans).join('|')}\n`)
  process.exit(2)
}
let total = noCounts
for (const part of plan) {
  total = addCounts(total, await runPart(part))
  if (interrupted) break
}
if (interrupted && total.failed === 0) total = addCounts(total, { ...noCounts, failed: 1 })
say(`\n${verdictLine(total)}`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
