/** One check of `millrace doctor`, with its cure. */
export type CheckVerdict = 'ok' | 'warning' | 'failed' | 'skipped'

export interface Check {
  readonly name: string
  readonly verdict: CheckVerdict
  /** What was found. */
  readonly found: string
  /** What to do; empty when all is well. */
  readonly cure: string
}

export const ok = (name: string, found: string): Check => ({ name, verdict: 'ok', found, cure: '' })
export const warning = (name: string, found: string, cure: string): Check => ({ name, verdict: 'warning', found, cure })
export const failed = (name: string, found: string, cure: string): Check => ({ name, verdict: 'failed', found, cure })
export const skipped = (name: string, found: string): Check => ({ name, verdict: 'skipped', found, cure: '' })

/** A check that cannot be made has failed, with the reason that was thrown. */
export async function attempt(
  name: string,
  cure: string,
  check: () => Promise<readonly Check[]> | readonly Check[],
): Promise<readonly Check[]> {
  try {
    return await check()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? `${String(error.code)} ` : ''
    return [failed(name, `${code}${error instanceof Error ? error.message : String(error)}`, cure)]
  }
}
