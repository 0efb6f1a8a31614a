/** Avro: what was written by any version of the schema is read as ours (Avro's schema resolution: defaults, promotions, aliases). */
import avsc from 'avsc'
import type { Schema } from 'avsc'
import type { SchemaCodec } from './registry-codec.ts'

export function avroCodec(schema: object): SchemaCodec {
  // avsc checks it; its type would refuse every schema that comes from a file.
  const ours = avsc.Type.forSchema(schema as Schema)
  return {
    kind: 'AVRO',
    schemaText: JSON.stringify(schema),
    readerOf: (writer) => {
      if (!(writer instanceof avsc.Type)) throw new Error('the registry client gave no Avro type')
      const resolver = ours.createResolver(writer)
      return (payload) => plain(ours.fromBuffer(payload, resolver))
    },
    writer: () => (value) => {
      const paths: string[] = []
      ours.isValid(value, { errorHook: (path, wrong) => paths.push(`${path.join('.')} is ${JSON.stringify(wrong)}`) })
      if (paths.length > 0) throw new Error(`the value does not fit the Avro schema: ${paths.join(', ')}`)
      return ours.toBuffer(value)
    },
  }
}

/** avsc makes records of a class of its own for each schema; users and their state get plain objects. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}
