/** A version makes itself known in `<app>.control` before it works: what it reads and writes, and all that belongs to it alone. */
import type { Manifest } from '../acquire/manifest.ts'
import type { Wiring } from '../worker/wiring.ts'
import type { SharedState, VersionFacts } from './shared-state.ts'
import { ensureSharedTopic, readShared, writeShared } from './shared-topic.ts'
import type { SharedContext } from './shared-topic.ts'

export function versionFacts(
  { plan, names, partitions, externalInputs }: Wiring,
  manifest: Manifest,
  internal: readonly string[],
): VersionFacts {
  const sinks = new Map(
    plan.subTopologies.flatMap((sub) =>
      sub.outputs.flatMap((output) =>
        output.kind === 'sink'
          ? [
              [
                output.topic,
                {
                  topic: output.topic,
                  shadow: names.shadow(output.topic),
                  table: output.table,
                  partitions: partitions.get(output.topic) ?? 1,
                },
              ] as const,
            ]
          : [],
      ),
    ),
  )
  return {
    version: plan.version,
    stateId: manifest.stateId,
    sinks: [...sinks.values()],
    inputs: externalInputs,
    topics: [...internal, ...[...sinks.values()].map((sink) => sink.shadow), names.effects, names.differences],
    closeMs: Math.max(0, ...plan.subTopologies.map((sub) => sub.closeMs)),
  }
}

/** Makes the topic where there is none, and the record where it is not the same. Answers what holds then. */
export async function registerVersion(context: SharedContext, facts: VersionFacts, replicationFactor: number): Promise<SharedState> {
  await ensureSharedTopic(context.log, context.application, replicationFactor)
  const known = await readShared(context)
  if (isKnown(known, facts)) return known
  return await writeShared(context, (state) => (isKnown(state, facts) ? undefined : { kind: 'version', ...facts }))
}

const isKnown = (state: SharedState, facts: VersionFacts): boolean =>
  JSON.stringify(state.versions.get(facts.version)?.facts) === JSON.stringify(facts)
