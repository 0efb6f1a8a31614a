/** Formats with a schema: `json` and `structured`. */
import type { AnyFormat, Format } from './format.ts'
import { decodeText } from './formats.ts'
import { RecordRefused } from './plan.ts'
import { accepts, trusts, validated } from './schema.ts'
import type { ReadOf, Schema, WriteOf } from './schema.ts'
import { decodeStructured, encodeStructured } from './structured-codec.ts'
import { writable } from './writable.ts'

/** The parts of T that JSON text cannot carry, looked for six levels deep. */
export type LostInJson<T, Depth extends readonly 0[] = [0, 0, 0, 0, 0, 0]> = Depth extends readonly [0, ...infer Rest extends readonly 0[]]
  ? 0 extends 1 & T
    ? never
    : T extends string | number | boolean | null | undefined
      ? never
      : T extends
            bigint | symbol | Date | Uint8Array | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | ((...args: never[]) => unknown)
        ? T
        : T extends readonly (infer E)[]
          ? LostInJson<E, Rest>
          : T extends object
            ? { [P in keyof T]-?: LostInJson<T[P], Rest> }[keyof T]
            : never
  : never
export interface JsonCannotCarry<T> {
  readonly 'use structured(schema), or a schema whose input is text or a number': T
}

/** What may be written where T is read: the same, with arrays and fields read-only. */
export type Immutable<T> = T extends readonly (infer E)[]
  ? number extends T['length']
    ? readonly Immutable<E>[]
    : { readonly [I in keyof T]: Immutable<T[I]> }
  : T extends Uint8Array | Date | ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | ((...args: never[]) => unknown)
    ? T
    : T extends object
      ? { readonly [P in keyof T]: Immutable<T[P]> }
      : T

/**
 * JSON text, checked by a schema when it is read and when it is written. A record that is no JSON is refused as `value`, one that the
 * schema does not accept as `schema`. Written is the schema's answer (unknown fields removed, defaults filled in), unless the schema
 * transforms the value: then the value as given. With `type<T>()` nothing is checked, and nothing is paid.
 */
export function json<S extends Schema>(
  schema: [LostInJson<WriteOf<S>>] extends [never] ? S : JsonCannotCarry<LostInJson<WriteOf<S>>>,
): Format<ReadOf<S>, Immutable<WriteOf<S>>> {
  // The parameter's type only refuses schemas that JSON cannot carry; what passes is S.
  return formatOf('json', schema as S, encodeJson, decodeJson)
}

/** The engine's own form: JSON text where that loses nothing, else a form that also carries Date, bigint, Map, Set and bytes. */
export function structured<S extends Schema>(schema: S): Format<ReadOf<S>, Immutable<WriteOf<S>>> {
  return formatOf('structured', schema, encodeStructured, readStructured)
}

function formatOf<S extends Schema>(
  name: string,
  schema: S,
  encode: (value: unknown) => Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
): Format<ReadOf<S>, Immutable<WriteOf<S>>> {
  if (trusts(schema)) return { name, encode, decode }
  return {
    name,
    decode: (bytes) => validated(schema, decode(bytes)),
    encode: (value) => {
      const answer = validated(schema, value)
      return encode(writable(value, answer, (candidate) => accepts(schema, candidate)))
    },
  }
}

/** It gives of bytes what the engine's own form gives of them: JSON that no schema looks at, and whose decoding nobody has replaced. */
export const readsPlainJson = (format: AnyFormat): boolean => format.decode === decodeJson

function decodeJson(bytes: Uint8Array): unknown {
  const text = decodeText(bytes)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RecordRefused('value', `not JSON: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}

function encodeJson(value: unknown): Uint8Array {
  const encoded: string | undefined = JSON.stringify(value)
  if (encoded === undefined) throw new RecordRefused('value', `a value of type ${typeof value} has no JSON text`)
  return Buffer.from(encoded, 'utf8')
}

function readStructured(bytes: Uint8Array): unknown {
  try {
    return decodeStructured(bytes)
  } catch (error) {
    throw new RecordRefused('value', `not the structured form: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}
