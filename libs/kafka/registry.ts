/**
 * `millrace/registry`: formats whose schemas are kept in a schema registry, so that producers and consumers of other teams and
 * languages agree on them.
 *
 *     const registry = schemaRegistry({ url: 'http://localhost:8081' })
 *     const rides = topic('rides', { key: text, value: avro({ registry, schema: rideSchema, value: Ride }) })
 *
 * Written records carry the id of our schema, which is registered as `<topic>-value` (or `-key`) when a worker starts. Read
 * records are decoded by the id that they carry; an id seen for the first time is fetched before the record is processed. `value`
 * gives the type and a last check: any Standard Schema, or `type<T>()`.
 *
 * Refused (dead letter): bytes without an id, an id that the registry does not know, another language than ours, a schema that ours
 * cannot read, bytes that do not follow their schema, a value that `value` does not accept. A registry that does not answer stops
 * nothing for good: Fault MR6901, `retry`. A schema that the registry refuses stops the worker at its start: MR6902.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Format } from '../dataflow/format.ts'
import { Fault } from '../faults/fault.ts'
import { avroCodec } from './registry-avro.ts'
import { SchemaRegistry } from './registry-client.ts'
import type { SchemaKind, SchemaRegistryOptions } from './registry-client.ts'
import type { SchemaCodec } from './registry-codec.ts'
import { registryFormat } from './registry-format.ts'
import { jsonSchemaCodec } from './registry-json-schema.ts'
import { protobufCodec } from './registry-protobuf.ts'

export type { Compatibility, SchemaRegistry, SchemaRegistryOptions } from './registry-client.ts'

/** Nothing is asked before the first use. Formats of one registry share what was fetched. */
export function schemaRegistry(options: SchemaRegistryOptions): SchemaRegistry {
  return new SchemaRegistry(options)
}

/** The schema of a topic and who keeps it. */
export interface InRegistry<Read, Write> {
  readonly registry: SchemaRegistry
  readonly value: StandardSchemaV1<Write, Read>
  /** The subject to register in, if it is not `<topic>-key` or `<topic>-value`. */
  readonly subject?: string | undefined
}

/** Avro; `schema` as in a parsed .avsc file. Read values are resolved to our schema: fields that the writer did not know get their default. */
export function avro<Read, Write>(options: InRegistry<Read, Write> & { readonly schema: object }): Format<Read, Write> {
  return registryFormat(
    options,
    valid('AVRO', () => avroCodec(options.schema)),
  )
}

/**
 * Protobuf; `schema` is the text of a .proto file, `message` the full name of one of its messages (default the first). Names are in
 * lowerCamelCase, 64-bit integers are text, enum values names, bytes Uint8Array.
 */
export function protobuf<Read, Write>(
  options: InRegistry<Read, Write> & { readonly schema: string; readonly message?: string | undefined },
): Format<Read, Write> {
  return registryFormat(
    options,
    valid('PROTOBUF', () => protobufCodec(options.schema, options.message)),
  )
}

/** JSON with a JSON schema of draft 7 (zod: `z.toJSONSchema(Ride, { target: 'draft-7' })`); what does not fit is not written. */
export function jsonSchema<Read, Write>(options: InRegistry<Read, Write> & { readonly schema: object }): Format<Read, Write> {
  return registryFormat(
    options,
    valid('JSON', () => jsonSchemaCodec(options.schema)),
  )
}

function valid(kind: SchemaKind, make: () => SchemaCodec): SchemaCodec {
  try {
    return make()
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    throw new Fault('MR6905', 'stop', `the ${kind} schema is not valid: ${text}`, { cause: error })
  }
}
