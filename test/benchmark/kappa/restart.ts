/**
 * How long a contender that holds state takes until it works again: after an ordered stop, after kill -9, and after the loss of its disk.
 *
 * The contenders take turns, A B B A, so that a drift of the machine hits both; each time as a new application that is filled, and killed.
 * Before each start one record is appended to each partition, and the clock stops when all of them are committed. After kill -9 nobody starts
 * before the group has expelled the dead member (10 s for both) and the broker has had a rest, so that neither a time-out nor the filling is
 * measured. In the end the output must be exact.
 */
import type { ContenderName } from './contenders.ts'
import type { NamedWorkload } from './ground.ts'
import { spreadText } from './report.ts'
import { loadRestartInput, RestartRun, type Restarts } from './restart-run.ts'
import type { Scenario, Section } from './section.ts'
import { ratios, spreadOf, type Spread } from './statistics.ts'
import { sumWorkload } from './sum-workload.ts'
import { whole } from './text.ts'
import { contendersOf, order } from './throughput.ts'

export interface ContenderRestarts {
  readonly name: ContenderName
  /** One for each round. */
  readonly times: readonly Restarts[]
}

const keysFull = 5_000_000
const keysQuick = 100_000

export const restart: Scenario = {
  name: 'restart',
  title: 'restart after kill -9, restore after loss of the disk',
  isQuick: false,
  run: async (ground) => {
    const { options, say } = ground.setup
    const keys = options.keys ?? (options.quick ? keysQuick : keysFull)
    // Every key once.
    const one: NamedWorkload = {
      name: 'sum-5m',
      workload: sumWorkload({ title: 'restart', full: { records: keys, keys }, quick: undefined }, { eachKey: 'always' }),
    }
    const names = contendersOf(one, options)
    const results = new Map<ContenderName, Restarts[]>(names.map((name) => [name, []]))
    const input = await loadRestartInput(ground, keys)
    for (let round = 1; round <= options.rounds; round += 1)
      for (const name of order(round, names)) {
        const took = await new RestartRun(ground, one, name, input).live()
        results.get(name)?.push(took)
        say(`  round ${round}  ${name.padEnd(13)}  killed, kept, lost: ${[took.killed, took.kept, took.lost].map(seconds).join(', ')} s`)
      }
    await ground.remove(input.topic)
    return restartSection(
      keys,
      [...results].map(([name, times]) => ({ name, times })),
    )
  },
}

const seconds = (value: number): string => value.toFixed(1)
const secondsText = ({ min, median, max }: Spread): string => `${seconds(median)} (${seconds(min)}-${seconds(max)})`

const starts = [
  { of: 'kept', label: 'ordered stop' },
  { of: 'killed', label: 'kill -9' },
  { of: 'lost', label: 'disk lost' },
] as const

/** Round → changelog records by the time that the lost disk costs beyond a start with its state; without the rounds where that is nothing. */
const restoredPerSecond = ({ times }: ContenderRestarts): ReadonlyMap<number, number> =>
  new Map(
    times.flatMap(({ kept, lost, changelogRecords }, round) => (lost > kept ? [[round, changelogRecords / (lost - kept)] as const] : [])),
  )

/** Pure. */
export function restartSection(keys: number, results: readonly ContenderRestarts[]): Section {
  const spreads = (times: readonly Restarts[], of: 'killed' | 'kept' | 'lost'): Spread => spreadOf(times.map((one) => one[of]))
  return {
    title: 'Restart and restore',
    notes: [
      `Sum per key, ${whole(keys)} keys, each written once. Seconds from the start of the process until one new record in each partition is committed: median of the rounds, in brackets the least and the most. The contenders take turns, each time as a new application.`,
      'Who is killed has written its whole state in that life. After kill -9 the start waits until the group has expelled the dead member, and 20 s more for the broker and the disk, which are busy with what was written last. Restored: changelog records by the time that the lost disk costs beyond a start with its state.',
      ...timesFaster(results),
    ],
    tables: [
      {
        head: ['contender', ...starts.map(({ label }) => label), 'changelog records', 'restored per s', 'rounds'],
        rows: results.map((one) => [
          one.name,
          ...starts.map(({ of }) => secondsText(spreads(one.times, of))),
          whole(Math.max(...one.times.map(({ changelogRecords }) => changelogRecords))),
          restoredText(spreadOf([...restoredPerSecond(one).values()])),
          String(one.times.length),
        ]),
      },
    ],
    charts: [
      {
        kind: 'bars',
        name: 'restart',
        title: 'Seconds until it works again',
        groups: starts.map(({ of, label }) => ({
          label,
          bars: results.map(({ name, times }) => {
            const { median, min, max } = spreads(times, of)
            return { name, value: median, min, max }
          }),
        })),
      },
    ],
  }
}

const restoredText = ({ min, median, max }: Spread): string => `${whole(median)} (${whole(min)}-${whole(max)})`

/** Round by round; nothing where one of them has not run. */
function timesFaster(results: readonly ContenderRestarts[]): readonly string[] {
  const [peer, own] = (['kafka-streams', 'millrace'] as const).map((wanted) => results.find(({ name }) => name === wanted))
  if (peer === undefined || own === undefined) return []
  const factors = starts.map(({ of, label }) => {
    const times = (one: ContenderRestarts): ReadonlyMap<number, number> => new Map(one.times.map((time, round) => [round, time[of]]))
    return `${label} ${spreadText(spreadOf(ratios(times(peer), times(own))))}`
  })
  const rate = spreadText(spreadOf(ratios(restoredPerSecond(own), restoredPerSecond(peer))))
  return [`Times as fast as Kafka Streams, round by round: ${factors.join(', ')}; records restored per second ${rate}.`]
}
