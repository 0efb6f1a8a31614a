/**
 * The clock port: the only source of time and of waiting in the engine. Real home: `systemClock` below; the deterministic
 * one is libs/memory/manual-clock.ts.
 */
export interface Clock {
  /** Wall clock, epoch milliseconds; may jump. */
  now(): number
  /** Monotonic milliseconds, for time-outs and durations. */
  monotonic(): number
  /** Resolves after the time, or at once when the signal is aborted (never rejects). */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>
  /** Gives other work (I/O, heartbeats) a turn. */
  yield(): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      signal?.addEventListener('abort', done, { once: true })
    }),
  yield: () => new Promise((resolve) => setImmediate(resolve)),
}
