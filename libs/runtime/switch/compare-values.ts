/** Whether two values of two versions are the same: numbers within a tolerance, some fields left out. Pure. */
export interface CompareRules {
  /** Two numbers are the same when they differ by at most this part of the larger one; 0: exactly. */
  readonly tolerance: number
  /** Fields by name or by path with dots (`meta.tookMs`), at any depth for a bare name. */
  readonly ignored: readonly string[]
}

export function sameValue(one: unknown, other: unknown, rules: CompareRules, path = ''): boolean {
  if (Object.is(one, other)) return true
  if (typeof one === 'number' && typeof other === 'number') return closeTo(one, other, rules.tolerance)
  if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime()
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false
    return one.every((item, index) => sameValue(item, other[index], rules, path))
  }
  if (one instanceof Map && other instanceof Map) return sameValue([...one], [...other], rules, path)
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  for (const name of names) {
    const at = path === '' ? name : `${path}.${name}`
    if (rules.ignored.includes(name) || rules.ignored.includes(at)) continue
    if (!sameValue(Reflect.get(one, name), Reflect.get(other, name), rules, at)) return false
  }
  return true
}

const closeTo = (one: number, other: number, tolerance: number): boolean =>
  Math.abs(one - other) <= tolerance * Math.max(Math.abs(one), Math.abs(other))

/** One text for values that are exactly the same, the ignored fields left out. */
export function canonical(value: unknown, rules: CompareRules, path = ''): string {
  if (value instanceof Date) return `date ${value.getTime()}`
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? JSON.stringify(value) : String(value)
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, rules, path)).join()}]`
  if (value instanceof Map) return `map ${canonical([...value], rules, path)}`
  const fields = Object.keys(value).toSorted((one, other) => (one < other ? -1 : 1))
  const parts = fields.flatMap((name) => {
    const at = path === '' ? name : `${path}.${name}`
    return rules.ignored.includes(name) || rules.ignored.includes(at) ? [] : [`${name}:${canonical(Reflect.get(value, name), rules, at)}`]
  })
  return `{${parts.join()}}`
}
