/**
 * Against @kafkats/flow, the one live TypeScript rival: sum per key, exactly once, paired. It gets fewer records, since it takes about
 * 2,000 a second, and is measured up to where it stands still, if it does. Installed for the measurement into a folder of its own, no dependency of this repository.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import type { Contender } from './contenders.ts'
import type { Ground } from './ground.ts'
import type { Measurement } from './measure.ts'
import { lineOf } from './report.ts'
import type { Scenario, Section } from './section.ts'
import { ratios, spreadOf } from './statistics.ts'
import { mib, whole } from './text.ts'
import { onFreshOutput, throughputOnce } from './throughput.ts'
import { workloadNamed } from './workload.ts'

const version = '0.12.0'
const folder = join(repositoryRoot, '.millrace', `kafkats-${version}`)
const installTimeoutMs = 120_000
const keys = 100_000
const recordsKafkats = { full: 40_000, quick: 10_000 }
const recordsOwn = { full: 1_000_000, quick: 300_000 }

export const kafkats: Scenario = {
  name: 'kafkats-flow',
  title: 'sum per key, 100,000 keys, against @kafkats/flow',
  isQuick: false,
  run: async (ground) => {
    await install(ground.setup.say)
    const { options, say } = ground.setup
    const one = { name: 'sum-100k', workload: await workloadNamed('sum-100k') }
    const size = options.quick ? 'quick' : 'full'
    const { partitions, threads, commitIntervalMs } = options
    const small = await ground.load(one, { records: recordsKafkats[size], keys, partitions })
    const large = await ground.load(one, { records: recordsOwn[size], keys, partitions })
    const done: Measurement[] = []
    for (let round = 1; round <= options.rounds; round += 1) {
      const theirs = await onFreshOutput(
        ground,
        '@kafkats/flow',
        { input: small, round, commitIntervalMs, mayStandStill: true },
        (application, output) => contender(ground, application, small.topic, output),
      )
      const own = await throughputOnce(ground, one, 'millrace', { input: large, round, threads, commitIntervalMs })
      done.push(theirs, own)
      for (const measured of [theirs, own]) say(lineOf(measured))
    }
    return section(done, recordsKafkats[size])
  },
}

async function install(say: (line: string) => void): Promise<void> {
  if (existsSync(folder)) return
  say(`installing @kafkats/flow ${version} into ${folder} (once, 5 MB)`)
  const fresh = `${folder}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    // npm looks for a package above, else, and would install there.
    writeFileSync(join(fresh, 'package.json'), '{ "private": true }\n')
    const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', `@kafkats/flow@${version}`]
    await promisify(execFile)('npm', words, { cwd: fresh, timeout: installTimeoutMs })
    renameSync(fresh, folder)
  } catch (error) {
    throw new Error(`@kafkats/flow ${version} could not be installed: is the npm registry reachable?`, { cause: error })
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function contender(ground: Ground, application: string, input: string, output: string): Contender {
  const { brokers, options } = ground.setup
  const peer = join(import.meta.dirname, '../kafkats-peer/kafkats-peer.ts')
  return {
    name: 'kafkats-flow',
    program: process.execPath,
    words: [peer, folder, brokers.join(','), application, input, output, String(options.commitIntervalMs)],
    environment: {},
    group: application,
  }
}

/** `asked`: records that @kafkats/flow was given. */
function section(done: readonly Measurement[], asked: number): Section {
  const of = (name: string): Measurement[] => done.filter((one) => one.name === name)
  const rates = (name: string): Map<number, number> => new Map(of(name).map(({ round, recordsPerSecond }) => [round, recordsPerSecond]))
  const ratio = spreadOf(ratios(rates('millrace'), rates('kafkats-flow')))
  const names = ['millrace', 'kafkats-flow']
  const still = of('kafkats-flow').filter(({ stoodStill }) => stoodStill)
  const where = still.map(({ records }) => whole(records)).join(', ')
  const row = (name: string): string[] => {
    const { min, median, max } = spreadOf(of(name).map(({ recordsPerSecond }) => recordsPerSecond))
    const cpu = spreadOf(of(name).map(({ cpuMicrosecondsPerRecord }) => cpuMicrosecondsPerRecord ?? 0))
    const peak = Math.max(...of(name).map(({ rssPeakBytes }) => rssPeakBytes))
    return [name, whole(median), `${whole(min)}-${whole(max)}`, cpu.median.toFixed(1), mib(peak), whole(of(name)[0]?.records ?? 0)]
  }
  return {
    title: 'Against @kafkats/flow',
    notes: [
      `Sum per key, ${whole(keys)} keys, exactly once; @kafkats/flow ${version} with its changelog and the store that it brings (in memory), Millrace with RocksDB.`,
      `Ratio: ${whole(ratio.median)} (${whole(ratio.min)}-${whole(ratio.max)}).`,
      ...(still.length === 0
        ? []
        : [
            `In ${still.length} of ${of('kafkats-flow').length} rounds @kafkats/flow did nothing more for a minute after ${where} of ${whole(asked)} records, with no error: its pace is that up to there, and its output was not judged.`,
          ]),
    ],
    tables: [{ head: ['contender', 'records/s', 'range', 'CPU us/record', 'peak memory', 'records'], rows: names.map(row) }],
    charts: [],
  }
}
