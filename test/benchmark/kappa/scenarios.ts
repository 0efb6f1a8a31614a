/** Everything that `--only` may name. */
import { growth } from './growth.ts'
import { growthKeys } from './growth-keys.ts'
import { kafkats } from './kafkats.ts'
import { largeState } from './large-state.ts'
import { latency } from './latency.ts'
import type { NamedWorkload } from './ground.ts'
import type { BenchOptions } from './options.ts'
import { replay } from './replay.ts'
import { restart } from './restart.ts'
import type { Scenario } from './section.ts'
import { stages } from './stages.ts'
import { workloadNamed, workloadNames } from './workload.ts'

const scenarios: readonly Scenario[] = [kafkats, latency, restart, replay, growthKeys, ...growth, largeState, stages]

export interface Chosen {
  readonly workloads: readonly NamedWorkload[]
  readonly scenarios: readonly Scenario[]
}

/** Throws an Error when a name is nobody's. */
export async function chosen({ only, quick }: BenchOptions): Promise<Chosen> {
  const names = [...workloadNames(), ...scenarios.map(({ name }) => name)]
  const strange = only.find((name) => !names.includes(name))
  if (strange !== undefined) throw new Error(`--only ${strange}: there are ${names.join(', ')}`)
  const isWanted = (name: string): boolean => only.length === 0 || only.includes(name)
  return {
    workloads: await Promise.all(
      workloadNames()
        .filter(isWanted)
        .map(async (name) => ({ name, workload: await workloadNamed(name) })),
    ),
    scenarios: scenarios.filter(({ name, isQuick }) => isWanted(name) && (!quick || isQuick || only.length > 0)),
  }
}
