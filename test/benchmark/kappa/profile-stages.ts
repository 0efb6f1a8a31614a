/**
 * A CPU profile by stages of a record's way, instead of by functions. What a library or Node itself takes counts for the nearest caller
 * that is ours. Pure.
 */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'
import type { CpuProfile } from './cpu-profile.ts'

export type Stage = (typeof stages)[number]['stage'] | 'rest'

/** `place`: file of the repository, a space, name of the function. The first that fits a frame says its stage. */
const stages = [
  { stage: 'decode batches', place: /^libs\/kafka\/codec\/(?:record-set|aborted-filter)/u },
  { stage: 'encode batches', place: /^libs\/kafka\/codec\/batch-encoder/u },
  { stage: 'deserialize', place: /^libs\/dataflow\/source/u },
  { stage: 'serialize state', place: /^libs\/state\/overlay\.ts freeze$/u },
  { stage: 'serialize results', place: /^libs\/dataflow\/operators\/outputs/u },
  { stage: 'hand over to RocksDB', place: /^libs\/state\/(?:rocksdb|packed-entries)/u },
  { stage: 'overlay and cache', place: /^libs\/state\//u },
  // Formats and codecs are called by whoever reads or writes.
  { stage: 'step', place: /^(?:libs\/dataflow\/(?!format|structured|state-version|cells|key-bytes|json|tagged)|test\/benchmark\/)/u },
  { stage: 'network', place: /^libs\/kafka\//u },
  { stage: 'task loop and commit', place: /^libs\/runtime\//u },
  { stage: 'collect garbage', place: /^ \(garbage collector\)$/u },
] as const

/** Not known which code: native work of Node and V8, compiling. */
const REST: Stage = 'rest'

/** Milliseconds of each stage, without waiting; dearest first. */
export function stageTimes({ nodes, samples, timeDeltas }: CpuProfile): ReadonlyMap<Stage, number> {
  const callers = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id] as const)))
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const known = new Map<number, Stage | undefined>()
  const stageOf = (id: number): Stage | undefined => {
    if (known.has(id)) return known.get(id)
    const frame = byId.get(id)?.callFrame
    const caller = callers.get(id)
    const own = frame === undefined ? undefined : stages.find(({ place }) => place.test(placeOf(frame)))?.stage
    const stage = own ?? (caller === undefined ? undefined : stageOf(caller))
    known.set(id, stage)
    return stage
  }
  const times = new Map<Stage, number>()
  samples.forEach((id, index) => {
    if (byId.get(id)?.callFrame.functionName === '(idle)') return
    const stage = stageOf(id) ?? REST
    times.set(stage, (times.get(stage) ?? 0) + (timeDeltas[index] ?? 0) / 1_000)
  })
  return new Map([...times].toSorted(([, left], [, right]) => right - left))
}

/** Whose thread the profile is of. */
export function threadOf({ nodes }: CpuProfile): 'worker' | 'RocksDB' | 'other' {
  const has = (file: string): boolean => nodes.some(({ callFrame }) => callFrame.url.endsWith(file))
  if (has('libs/runtime/task/task-run.ts')) return 'worker'
  return has('libs/state/rocksdb-thread.ts') ? 'RocksDB' : 'other'
}

function placeOf({ url, functionName }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.startsWith('file:') ? relative(repositoryRoot, fileURLToPath(url)) : url
  return `${file} ${functionName}`
}
