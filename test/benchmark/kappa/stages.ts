/**
 * Where the time of a record goes: one run of Millrace in one thread with a CPU profile of each of its threads, by stages, beside what the
 * plain operations cost here when nothing is around them.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CpuProfile } from './cpu-profile.ts'
import type { Ground } from './ground.ts'
import { accountName } from './payments.ts'
import { stageTimes, threadOf, type Stage } from './profile-stages.ts'
import type { Scenario, Section } from './section.ts'
import { sumWorkload } from './sum-workload.ts'
import { whole } from './text.ts'
import { onFreshOutput } from './throughput.ts'

const size = { full: { records: 1_000_000, keys: 100_000 }, quick: { records: 100_000, keys: 10_000 } }
/** Microseconds between two samples. */
const SAMPLE_EVERY = 500

export const stages: Scenario = {
  name: 'stages',
  title: 'where the time of a record goes (Millrace alone, one thread, with a profiler)',
  isQuick: false,
  run: async (ground) => {
    const { options, profileDirectory } = ground.setup
    const { records, keys } = options.quick ? size.quick : size.full
    const named = { name: 'sum-100k-one-thread', workload: sumWorkload({ title: 'stages', full: { records, keys }, quick: undefined }) }
    const input = await ground.load(named, { records, keys, partitions: options.partitions })
    const directory = join(profileDirectory, ground.fresh('stages'))
    mkdirSync(directory, { recursive: true })
    const nodeWords = ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-interval=${SAMPLE_EVERY}`]
    const { commitIntervalMs } = options
    await onFreshOutput(ground, 'millrace (stages)', { input, round: 1, commitIntervalMs }, (application, output) =>
      ground.contender('millrace', named, runOf(ground, { application, output, input: input.topic }), { nodeWords }),
    )
    await ground.remove(input.topic)
    return section(profilesIn(directory), records, floors())
  },
}

const runOf = (ground: Ground, names: { readonly application: string; readonly output: string; readonly input: string }) => ({
  ...names,
  brokers: ground.setup.brokers,
  workload: 'sum-100k-one-thread',
  threads: 1,
  commitIntervalMs: ground.setup.options.commitIntervalMs,
  stateDirectory: ground.stateDirectory(names.application),
})

const profilesIn = (directory: string): CpuProfile[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.cpuprofile'))
    // Written by node --cpu-prof.
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as CpuProfile)

/** Of operations that no stage can do without, microseconds for each record. */
function floors(): ReadonlyMap<Stage, number> {
  const count = 300_000
  const keys = 100_000
  const keyBytes = Array.from({ length: keys }, (_, index) => Buffer.from(accountName(index)))
  const value = Buffer.from('{"amount":71234,"currency":"EUR","city":"Valparaiso","card":"4000-1234","at":1735689600000}')
  const totals = new Map(keyBytes.map((key) => [key.toString('latin1'), { sum: 0, count: 0 }]))
  const keyAt = (index: number): Buffer => keyBytes[(index * 7_919) % keys] ?? value
  const each = (work: (index: number) => unknown): number => {
    for (let index = 0; index < count; index += 1) work(index)
    const begin = process.threadCpuUsage()
    for (let index = 0; index < count; index += 1) work(index)
    const { user, system } = process.threadCpuUsage(begin)
    return (user + system) / count
  }
  return new Map<Stage, number>([
    ['deserialize', each((index) => [keyAt(index).toString('latin1'), JSON.parse(value.toString('utf8'))])],
    ['serialize state', each((index) => Buffer.from(JSON.stringify({ sum: index, count: 1 })))],
    ['serialize results', each((index) => Buffer.from(JSON.stringify({ sum: index, count: 1 })))],
    ['overlay and cache', each((index) => totals.set(keyAt(index).toString('latin1'), { sum: index, count: 1 }))],
  ])
}

function section(profiles: readonly CpuProfile[], records: number, floor: ReadonlyMap<Stage, number>): Section {
  const perRecord = (milliseconds: number): string => ((milliseconds * 1_000) / records).toFixed(2)
  const rows: string[][] = []
  for (const profile of profiles.toSorted((one, other) => threadOf(other).localeCompare(threadOf(one)))) {
    const times = stageTimes(profile)
    const thread = threadOf(profile)
    const busy = [...times.values()].reduce((sum, one) => sum + one, 0)
    if (thread === 'worker')
      for (const [stage, milliseconds] of times)
        rows.push([stage, perRecord(milliseconds), `${((100 * milliseconds) / busy).toFixed(1)} %`, floor.get(stage)?.toFixed(2) ?? ''])
    rows.push([`**${thread} thread, together**`, perRecord(busy), '', ''])
  }
  return {
    title: 'Where the time of a record goes',
    notes: [
      `Sum per key, ${whole(records)} records, one thread of the worker with a profiler that looks every ${SAMPLE_EVERY} us; starting and compiling are in it. Nearly every record is a key of its own within a commit interval, so that each costs one changelog record, one result and one write of the store. _Floor_: the plain operation (JSON.parse, JSON.stringify, a Map) alone in a loop on this machine.`,
    ],
    tables: [{ head: ['stage', 'us/record', 'share', 'floor'], rows }],
    charts: [],
  }
}
