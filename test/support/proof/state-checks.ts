/** V5 and V8: changelogs by the independent reader = RocksDB = oracle = what a restore makes of them; positions in the state = positions of the group. */
import { check } from './check.ts'
import type { Check } from './check.ts'
import type { SeenEntry, SeenPosition } from './independent-reader.ts'
import type { Expected } from './oracle.ts'
import { expectedState, foundState, steps, tableDifferences } from './state-oracle.ts'
import type { StoreDump } from './stores.ts'

/** Step → its changelog, materialised. */
export type Changelogs = ReadonlyMap<string, readonly SeenEntry[]>

/** Of several stores of a task the one with the last commit: others are what a take-over has left (copy-checks.ts). */
export function newestOf(dumps: readonly StoreDump[]): StoreDump[] {
  const found = new Map<string, StoreDump>()
  for (const dump of dumps) if (dump.n >= (found.get(dump.task)?.n ?? -1)) found.set(dump.task, dump)
  return [...found.values()]
}

export function storesAgainstChangelogs(dumps: readonly StoreDump[], changelogs: Changelogs, broken: readonly string[]): Check {
  const faults = [...broken]
  let compared = 0
  for (const [step, all] of changelogs) {
    const partitions = Map.groupBy(all, ({ partition }) => partition)
    for (const partition of new Set([...partitions.keys(), ...dumps.filter(({ steps }) => steps.has(step)).map(partitionOf)])) {
      const entries = partitions.get(partition) ?? []
      const dump = dumps.find((one) => partitionOf(one) === partition && one.steps.has(step))
      compared += entries.length
      faults.push(...mapDifferences(`${step} ${partition}`, dump?.steps.get(step) ?? new Map<string, string>(), mapOf(entries)))
    }
  }
  return check('V5 RocksDB = changelogs', compared, faults, `entries of ${changelogs.size} changelogs, read by Kafka's Java client`)
}

const partitionOf = ({ task }: StoreDump): number => Number(task.slice(task.lastIndexOf('.') + 1))
const mapOf = (entries: readonly SeenEntry[]): Map<string, string> => new Map(entries.map(({ key, value }) => [key, value]))

function mapDifferences(where: string, disk: ReadonlyMap<string, string>, log: ReadonlyMap<string, string>): string[] {
  return [...new Set([...disk.keys(), ...log.keys()])].flatMap((key) =>
    disk.get(key) === log.get(key)
      ? []
      : [`${where} ${shown(key)}: ${shown(disk.get(key))} on disk, ${shown(log.get(key))} in the changelog`],
  )
}

const shown = (base64: string | undefined): string =>
  base64 === undefined
    ? 'nothing'
    : Buffer.from(base64, 'base64')
        .toString('latin1')
        .replaceAll(/[^ -~]/gu, '.')

export function changelogsAgainstOracle(changelogs: Changelogs, expected: Expected): Check {
  const faults: string[] = []
  const counts: string[] = []
  let compared = 0
  for (const step of steps) {
    const found = foundState[step](mapOf(changelogs.get(step) ?? []))
    compared += found.size
    counts.push(`${step} ${found.size}`)
    faults.push(...tableDifferences(step, found, expectedState[step](expected)))
  }
  return check('V5 changelogs = oracle', compared, faults, `values, timers and open windows: ${counts.join(', ')}`)
}

/** What our own restore makes of the changelogs on an empty disk. */
export function storesAgainstRebuilt(dumps: readonly StoreDump[], rebuilt: readonly StoreDump[], broken: readonly string[]): Check {
  const faults = [...broken]
  let compared = 0
  for (const { task, steps } of dumps) {
    const theirs = rebuilt.find((one) => one.task === task)
    for (const step of new Set([...steps.keys(), ...(theirs?.steps.keys() ?? [])])) {
      const [left, right] = [steps.get(step) ?? new Map<string, string>(), theirs?.steps.get(step) ?? new Map<string, string>()]
      compared += right.size
      faults.push(...mapDifferences(`${task} ${step}`, left, right))
    }
  }
  return check('V5 RocksDB = what a restore makes of the changelogs', compared, faults, 'entries')
}

export function positionsAgainstGroup(dumps: readonly StoreDump[], tasks: number, positions: readonly SeenPosition[]): Check {
  const group = new Map(positions.map(({ topic, partition, position }) => [`${topic}:${partition}`, position]))
  const faults: string[] = []
  let compared = 0
  for (const dump of dumps) {
    for (const [id, position] of Object.entries(dump.positions)) {
      compared++
      if (group.get(id) !== position) faults.push(`${dump.task}: ${id} is ${position} in the state and ${group.get(id)} in the group`)
      group.delete(id)
    }
  }
  for (const [id, position] of group) faults.push(`${id} is ${position} in the group and in no state`)
  if (dumps.length !== tasks) faults.push(`${dumps.length} of ${tasks} tasks have a store: ${dumps.map(({ task }) => task).join(', ')}`)
  return check('V8 positions in the state = positions of the group', compared, faults, `positions of ${dumps.length} tasks`)
}
