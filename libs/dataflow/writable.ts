/**
 * What is written when a schema answers with another value than it was given? Pure.
 *
 * A schema that only removes unknown fields or fills in defaults: its answer. A schema that transforms (text to Date) answers with
 * what readers get, not with what it reads: then the value as given.
 */

type Difference = 'none' | 'removed' | 'other'

/** `accepts`: would a reader's schema take this? Asked only when fields were added. */
export function writable(value: unknown, answer: unknown, accepts: (candidate: unknown) => boolean): unknown {
  switch (differenceOf(value, answer)) {
    case 'none':
    case 'removed':
      return answer
    case 'other':
      return keepsLeaves(value, answer) && accepts(answer) ? answer : value
  }
}

function differenceOf(value: unknown, answer: unknown): Difference {
  if (Object.is(value, answer)) return 'none'
  if (!isObject(value) || !isObject(answer) || Object.getPrototypeOf(value) !== Object.getPrototypeOf(answer)) return 'other'
  if (Array.isArray(value) && (!Array.isArray(answer) || value.length !== answer.length)) return 'other'
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return 'other'
  let kept = 0
  let difference: Difference = 'none'
  for (const name in answer) {
    if (!Object.hasOwn(value, name)) return 'other'
    kept += 1
    const inner = differenceOf(value[name], answer[name])
    if (inner === 'other') return 'other'
    if (inner === 'removed') difference = 'removed'
  }
  return kept === Object.keys(value).length ? difference : 'removed'
}

/** True when everything that both have is equal: fields were only added and removed. */
function keepsLeaves(value: unknown, answer: unknown): boolean {
  if (Object.is(value, answer)) return true
  if (!isObject(value) || !isObject(answer)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.getPrototypeOf(answer) || (prototype !== Object.prototype && !Array.isArray(value))) return false
  if (Array.isArray(value) && (!Array.isArray(answer) || value.length !== answer.length)) return false
  for (const name in answer) {
    if (Object.hasOwn(value, name) && !keepsLeaves(value[name], answer[name])) return false
  }
  return true
}

// Only its own fields are asked for, each as unknown.
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
