/** A format over a registry: the order in which schemas are registered, fetched and used. The schema language is a codec. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Format } from '../dataflow/format.ts'
import { RecordRefused } from '../dataflow/plan.ts'
import { trusts, validated } from '../dataflow/schema.ts'
import { assert, Fault } from '../faults/fault.ts'
import type { SchemaRegistry } from './registry-client.ts'
import type { SchemaCodec } from './registry-codec.ts'
import { payloadOf, schemaIdOf, schemaPrefix } from './registry-frame.ts'

interface Options<Read, Write> {
  readonly registry: SchemaRegistry
  readonly value: StandardSchemaV1<Write, Read>
  readonly subject?: string | undefined
}

type Reader = (payload: Buffer) => unknown

export function registryFormat<Read, Write>(
  { registry, value: contract, subject }: Options<Read, Write>,
  codec: SchemaCodec,
): Format<Read, Write> {
  const readers = new Map<number, Reader>()
  const isTrusted = trusts(contract)
  let writing: { readonly id: number; readonly prefix: Buffer; readonly write: ReturnType<SchemaCodec['writer']> } | undefined
  return {
    name: `registry ${codec.kind}`,

    async open(topic, part, use = 'write') {
      if (use === 'read') return
      const name = subject ?? `${topic}-${part}`
      const { id, schema } = await registry.idOf(codec.kind, codec.schemaText, name)
      if (writing !== undefined && writing.id !== id) {
        throw new Fault(
          'MR6904',
          'stop',
          `subject ${name} has id ${id} for a schema that is ${writing.id} elsewhere: make one format for each topic`,
        )
      }
      writing = { id, prefix: schemaPrefix(id), write: codec.writer(schema) }
    },

    encode(value) {
      assert(writing !== undefined, 'a format of a registry is opened for writing before it encodes')
      return writing.write(value, writing.prefix)
    },

    prepareDecode(bytes) {
      const id = schemaIdOf(bytes)
      return id === undefined || readers.has(id) || !registry.isFetchDue(id) ? undefined : registry.fetch(id)
    },

    decode(bytes) {
      const id = schemaIdOf(bytes)
      if (id === undefined) throw new RecordRefused('value', 'the bytes do not begin with 0 and the id of a schema')
      let reader = readers.get(id)
      if (reader === undefined) {
        reader = readerOf(id, registry, codec)
        readers.set(id, reader)
      }
      const value = reader(payloadOf(bytes))
      // The schema's answer has the schema's type.
      return (isTrusted ? value : validated(contract, value)) as Read
    },
  }
}

function readerOf(id: number, registry: SchemaRegistry, codec: SchemaCodec): Reader {
  const writer = registry.writer(id)
  // Also when so much garbage came since the fetch that the answer was forgotten.
  if (writer === undefined) throw new RecordRefused('schema', `schema ${id} was not fetched`)
  if (writer.kind === 'unusable') throw new RecordRefused('schema', writer.why)
  if (writer.kind !== codec.kind) throw new RecordRefused('schema', `schema ${id} is ${writer.kind}, this topic is read as ${codec.kind}`)
  try {
    return codec.readerOf(writer.schema)
  } catch (error) {
    throw new RecordRefused('schema', `our schema cannot read what schema ${id} writes: ${String(error)}`, error)
  }
}
