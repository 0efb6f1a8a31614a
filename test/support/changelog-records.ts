/** Changelog records as objects: for tests, and for oracles that fold them without the product's restore. */
import type { Header } from '../../libs/dataflow/plan.ts'
import { NULL_SIZE } from '../../libs/runtime/ports/log.ts'
import { EPOCH_HEADER, changelogEpoch, changelogKind, encodeEpoch } from '../../libs/state/changelog.ts'
import type { ChangelogKind } from '../../libs/state/changelog.ts'
import { FENCE, RESET, USER } from '../../libs/state/key-layout.ts'
import type { LocalMark, TaskState } from '../../libs/state/task-state.ts'

/** `key` is without the byte of the kind. */
export interface ChangelogRecord {
  readonly kind: ChangelogKind
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly epoch: number
}

interface Keyed {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
}

const KIND_BYTES = { fence: FENCE, reset: RESET, user: USER } as const
const NOTHING = Buffer.alloc(0)

export function readChangelogRecord({ key, value, headers }: Keyed): ChangelogRecord {
  const kind = changelogKind(key?.[0])
  return { kind, key: key?.subarray(1) ?? NOTHING, value, epoch: changelogEpoch(headers) }
}

/** As a restore does with one piece of a changelog. */
export async function restore(state: TaskState, step: string, records: readonly ChangelogRecord[], mark: LocalMark): Promise<void> {
  const batch = state.restoring(step)
  for (const { kind, key, value, epoch } of records) {
    const memory = Buffer.concat([Buffer.from([KIND_BYTES[kind]]), key, value ?? NOTHING])
    const keySize = key.length + 1
    batch.add(memory, 0, keySize, keySize, value?.length ?? NULL_SIZE, [[EPOCH_HEADER, encodeEpoch(epoch)]])
  }
  await state.restore(batch, mark)
}
