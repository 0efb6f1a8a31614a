/** State may hold what JSON cannot write: a replacer for JSON.stringify. Pure. */
export function jsonSafe(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return [...value]
  if (value instanceof Set) return [...value]
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}
