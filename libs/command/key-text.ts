/** Keys as a person writes and reads them, by the key format of a step. Pure. */
import { keyCodecOf } from '../dataflow/key-bytes.ts'
import { fromKeyBytes, toKeyBytes } from '../dataflow/cells.ts'
import type { AnyFormat } from '../dataflow/format.ts'
import { isNamed } from '../dataflow/graph.ts'
import { graphOf, type Topology } from '../dataflow/topology.ts'
import { Fault } from '../faults/fault.ts'

/** How the text of a key is to be read. `hex`: the bytes themselves. */
export const keySpellings = ['text', 'json', 'hex'] as const
export type KeySpelling = (typeof keySpellings)[number]

/** Format of the keys under which a step keeps its state; undefined: no such step. */
export function keyFormatOf(topology: Topology, step: string): AnyFormat | undefined {
  const node = graphOf(topology)
    .nodes.filter(isNamed)
    .find((one) => one.name === step && one.kind !== 'key-by' && one.kind !== 'group-by')
  if (node === undefined) return undefined
  return 'keyIn' in node ? node.keyIn : (node.parents[0]?.keyFormat ?? node.keyFormat)
}

export function keyBytesOf(text: string, spelling: KeySpelling, format: AnyFormat): Uint8Array {
  if (spelling === 'hex') {
    if (/^([0-9a-f]{2})*$/i.test(text)) return Buffer.from(text, 'hex')
    throw unusable(text, 'it is no hex: an even number of 0-9 and a-f')
  }
  try {
    const key: unknown = spelling === 'json' ? JSON.parse(text) : format.name === 'int64' ? BigInt(text) : text
    return fromKeyBytes(keyCodecOf(format).toBytes(key))
  } catch (error) {
    throw unusable(text, error instanceof Error ? error.message : String(error), error)
  }
}

/** The key as JSON can show it; bytes that the format does not read are shown as hex. */
export function shownKey(bytes: Uint8Array, format: AnyFormat): unknown {
  try {
    const key = keyCodecOf(format).fromBytes(toKeyBytes(bytes))
    return typeof key === 'bigint' ? key.toString() : key
  } catch {
    return { hex: Buffer.from(bytes).toString('hex') } // Shown all the same: this is a tool for looking.
  }
}

const unusable = (text: string, why: string, cause?: unknown): Fault =>
  new Fault(
    'MR2052',
    'stop',
    `the key ${JSON.stringify(text.slice(0, 80))} cannot be used: ${why}. Numbers and tuples: --key-as json; bytes: --key-as hex.`,
    { cause },
  )
