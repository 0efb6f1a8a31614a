/**
 * Reads the headers of a record: linear in their number, and a list of pairs instead of an object, so that names such as
 * `__proto__` or `constructor`, and repeated names, are ordinary (kafka-client.md K13).
 */
import type { Fault } from '../../faults/fault.ts'
import type { Header } from '../../runtime/ports/log.ts'
import { cursor, readVarlong } from './varints.ts'

const NO_BYTES = new Uint8Array(0)

/** Headers in `bytes[from, end)`, which begins with their number. */
export function readHeaders(bytes: Buffer, from: number, end: number, fail: (why: string) => Fault): readonly Header[] {
  const count = readVarlong(bytes, from, end)
  let at = cursor
  // Each header takes two bytes at least: a false count is found before it costs memory.
  if (!(count >= 0 && count * 2 <= end - at)) throw fail(`a record claims ${count} headers in ${end - from} bytes`)
  const headers: Header[] = []
  for (let index = 0; index < count; index++) {
    const nameSize = readVarlong(bytes, at, end)
    const nameEnd = cursor + nameSize
    if (!(nameSize >= 0 && nameEnd < end)) throw fail(`the name of header ${index} reaches beyond its record`)
    const name = bytes.toString('utf8', cursor, nameEnd)
    const valueSize = readVarlong(bytes, nameEnd, end)
    const valueFrom = cursor
    at = valueSize < 0 ? valueFrom : valueFrom + valueSize
    if (!(at <= end)) throw fail(`the value of header ${index} reaches beyond its record`)
    // The port knows no null header values: they read as empty.
    headers.push([name, valueSize <= 0 ? NO_BYTES : bytes.subarray(valueFrom, at)])
  }
  if (at !== end) throw fail(`${end - at} bytes follow the last header of a record`)
  return headers
}
