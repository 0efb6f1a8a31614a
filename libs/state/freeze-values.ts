/**
 * Deep freezing for the test kit: user code that changes a value which the state has handed out throws there, instead of changing
 * state without a record of it in production.
 */
import { types } from 'node:util'

/** Freezes plain objects and arrays to the bottom. Buffers, maps and sets cannot be frozen by JavaScript and are left as they are. */
export function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || types.isMap(value) || types.isSet(value)) return
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
}
