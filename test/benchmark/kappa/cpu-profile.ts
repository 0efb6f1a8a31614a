/**
 * What a .cpuprofile of V8 says, as a table: functions by the time that they themselves took.
 *
 *   node test/benchmark/kappa/cpu-profile.ts <file.cpuprofile> [count]
 */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'

interface ProfileNode {
  readonly id: number
  /** Whom it called. */
  readonly children?: readonly number[]
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

/** The parts of V8's format that are read here. Times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  readonly place: string
  /** Of the time in which the thread was not idle. */
  readonly share: number
  readonly milliseconds: number
}

const idle = '(idle)'
const countDefault = 25

/** Most expensive first; the share of `(idle)` is of the whole time. */
export function selfTimes(profile: CpuProfile): {
  readonly busyMs: number
  readonly idleMs: number
  readonly functions: readonly SelfTime[]
} {
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node)]))
  const times = new Map<string, number>()
  profile.samples.forEach((id, index) => {
    const place = places.get(id) ?? 'unknown'
    times.set(place, (times.get(place) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1_000)
  })
  const idleMs = times.get(idle) ?? 0
  times.delete(idle)
  const busyMs = [...times.values()].reduce((sum, one) => sum + one, 0)
  const functions = [...times]
    .map(([place, milliseconds]) => ({ place, milliseconds, share: milliseconds / busyMs }))
    .sort((one, other) => other.milliseconds - one.milliseconds)
  return { busyMs, idleMs, functions }
}

function placeOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return name
  const file = url.startsWith('file:') ? relative(repositoryRoot, fileURLToPath(url)) : url
  return `${name}  ${file}:${lineNumber + 1}`
}

export function profileLines(file: string, count = countDefault): string[] {
  // Written by node --cpu-prof.
  const { busyMs, idleMs, functions } = selfTimes(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile)
  return [
    `${relative(repositoryRoot, file)}: busy ${Math.round(busyMs)} ms, idle ${Math.round(idleMs)} ms; self time:`,
    ...functions
      .slice(0, count)
      .map(
        ({ place, milliseconds, share }) =>
          `${(share * 100).toFixed(1).padStart(5)} % ${String(Math.round(milliseconds)).padStart(7)} ms  ${place}`,
      ),
  ]
}

if (import.meta.main) {
  const [, , file, count] = process.argv
  if (file === undefined) {
    process.stderr.write('usage: cpu-profile <file.cpuprofile> [count]\n')
    process.exitCode = 2
  } else {
    for (const line of profileLines(file, count === undefined ? undefined : Number(count))) process.stdout.write(`${line}\n`)
  }
}
