/** Runs code on another day: the global Date says what it would say then. */

/** Only calls that ask for now are others; a Date that is made of something stays what it is, and all are of one class. */
export async function onAnotherDay<T>(aheadMs: number, run: () => Promise<T>): Promise<T> {
  const real = Date
  const now = (): number => real.now() + aheadMs
  globalThis.Date = new Proxy(real, {
    construct: (target, given: unknown[], made) => Reflect.construct(target, given.length === 0 ? [now()] : given, made),
    apply: () => new real(now()).toString(),
    get: (target, name, receiver): unknown => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  })
  // For code that asks `one.constructor === Date`.
  real.prototype.constructor = globalThis.Date
  try {
    return await run()
  } finally {
    globalThis.Date = real
    real.prototype.constructor = real
  }
}
