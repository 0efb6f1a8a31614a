/** Waiting in tests: for a claim, with a deadline, never for a time. */

const POLL_MS = 5

/** Repeats `attempt` until it does not throw, and answers what it answered; after `withinMs` (default 20,000) it throws what the last attempt threw. */
export async function eventually<Answer>(
  attempt: () => Answer | Promise<Answer>,
  withinMs: number = 20_000,
  pollMs: number = POLL_MS,
): Promise<Answer> {
  const deadline = performance.now() + withinMs
  for (;;) {
    try {
      return await attempt()
    } catch (failure) {
      if (performance.now() >= deadline) throw failure
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
