/** JSON with a schema in the registry: written only if it fits; what is read is checked by the contract of the reader, not the writer's. */
import type { SchemaCodec } from './registry-codec.ts'

export function jsonSchemaCodec(schema: object): SchemaCodec {
  return {
    kind: 'JSON',
    schemaText: JSON.stringify(schema),
    readerOf: () => (payload) => JSON.parse(payload.toString('utf8')),
    writer: (registered) => {
      if (!canWrite(registered)) throw new Error('the registry client gave no JSON schema')
      return (value, before) => {
        try {
          return Buffer.concat([before, registered.toBuffer(value)])
        } catch (error) {
          const paths = error instanceof Error && 'paths' in error ? JSON.stringify(error.paths) : String(error)
          throw new Error(`the value does not fit the JSON schema: ${paths}`, { cause: error })
        }
      }
    },
  }
}

function canWrite(schema: unknown): schema is { toBuffer(value: unknown): Uint8Array } {
  return typeof schema === 'object' && schema !== null && 'toBuffer' in schema && typeof schema.toBuffer === 'function'
}
