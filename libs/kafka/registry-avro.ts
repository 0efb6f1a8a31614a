/** Avro: what was written by any version of the schema is read as ours (Avro's schema resolution: defaults, promotions, aliases). */
import avsc from 'avsc'
import type { Schema, Type } from 'avsc'
import type { SchemaCodec } from './registry-codec.ts'

const SCRATCH_BYTES_FIRST = 1_024

export function avroCodec(schema: object): SchemaCodec {
  const ours = typeOf(schema)
  const toPlain = givesPlain(ours) ? (value: unknown): unknown => value : plain
  return {
    kind: 'AVRO',
    schemaText: JSON.stringify(schema),
    readerOf: (writer) => {
      if (!(writer instanceof avsc.Type)) throw new Error('the registry client gave no Avro type')
      const resolver = ours.createResolver(writer)
      return (payload) => toPlain(ours.fromBuffer(payload, resolver))
    },
    writer: () => writerOf(ours),
  }
}

/** Its records are plain objects: users get them and their state keeps them. avsc would make them of a class of its own for each schema. */
function typeOf(schema: object): Type {
  const named: Record<string, Type> = {}
  // avsc checks it; its type would refuse every schema that comes from a file.
  const type = avsc.Type.forSchema(schema as Schema, { registry: named, omitRecordMethods: true })
  for (const one of [type, ...Object.values(named)]) {
    if (one instanceof avsc.types.RecordType && one.typeName === 'record') one.recordConstructor.prototype = Object.prototype
  }
  return type
}

/** False where a value may hold what is of a class nevertheless: branches of a wrapped union, errors. */
function givesPlain(type: Type, seen = new Set<Type>()): boolean {
  // One that is not plain has ended the search.
  if (seen.has(type)) return true
  seen.add(type)
  const inner = (one: Type): boolean => givesPlain(one, seen)
  if (type instanceof avsc.types.RecordType) return type.typeName === 'record' && type.fields.every((field) => inner(field.type))
  if (type instanceof avsc.types.ArrayType) return inner(type.itemsType)
  if (type instanceof avsc.types.MapType) return inner(type.valuesType)
  if (type instanceof avsc.types.UnwrappedUnionType) return type.types.every(inner)
  return !(type instanceof avsc.types.WrappedUnionType || type instanceof avsc.types.LogicalType)
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

function writerOf(type: Type): (value: unknown, before: Uint8Array) => Uint8Array {
  let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_FIRST)
  return (value, before) => {
    if (!type.isValid(value)) throw misfit(type, value)
    let end = type.encode(value, scratch, before.length)
    if (end < 0) {
      // So many bytes are missing.
      scratch = Buffer.allocUnsafeSlow(2 * (scratch.length - end))
      end = type.encode(value, scratch, before.length)
    }
    scratch.set(before)
    return Buffer.from(scratch.subarray(0, end))
  }
}

function misfit(type: Type, value: unknown): Error {
  const paths: string[] = []
  type.isValid(value, { errorHook: (path, wrong) => paths.push(`${path.join('.')} is ${JSON.stringify(wrong)}`) })
  return new Error(`the value does not fit the Avro schema: ${paths.join(', ')}`)
}
