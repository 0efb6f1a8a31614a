import type { SchemaKind } from './registry-client.ts'

/** One schema language: how a payload is read, given the schema of its writer, and written by our schema. */
export interface SchemaCodec {
  readonly kind: SchemaKind
  /** Our schema as the registry takes it. */
  readonly schemaText: string
  /** Throws when our schema cannot read what the writer's schema writes. The reader throws on bytes that are not so. */
  readerOf(writer: unknown): (payload: Buffer) => unknown
  /** Given our schema in the client's form, after registration. The writer puts the payload behind `before`, and throws on a value that does not fit the schema. */
  writer(registered: unknown): (value: unknown, before: Uint8Array) => Uint8Array
}
