/** Counts of tests as jest reports them, and the one line that sums a whole run up. */

export interface Counts {
  readonly passed: number
  readonly failed: number
  /** Skipped and todo. */
  readonly skipped: number
}

export const noCounts: Counts = { passed: 0, failed: 0, skipped: 0 }

export function addCounts(one: Counts, other: Counts): Counts {
  return { passed: one.passed + other.passed, failed: one.failed + other.failed, skipped: one.skipped + other.skipped }
}

/** What jest's `--json` file says. No file, no tests at all, or a bad exit code that no failure explains: one failure. */
export function jestCounts(json: string | undefined, exitCode: number): Counts {
  if (json === undefined) return { ...noCounts, failed: 1 }
  const report: unknown = JSON.parse(json)
  const counts: Counts = {
    passed: numberAt(report, 'numPassedTests'),
    failed: numberAt(report, 'numFailedTests') + numberAt(report, 'numRuntimeErrorTestSuites'),
    skipped: numberAt(report, 'numPendingTests') + numberAt(report, 'numTodoTests'),
  }
  const unexplained = counts.failed === 0 && (exitCode !== 0 || counts.passed === 0)
  return unexplained ? { ...counts, failed: 1 } : counts
}

/** `N passed, N failed`, and the skipped ones only when there are any. */
export function verdictLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`
}

function numberAt(report: unknown, key: string): number {
  const value: unknown = typeof report === 'object' && report !== null ? Reflect.get(report, key) : undefined
  if (typeof value !== 'number') throw new Error(`jest's report has no number ${key}`)
  return value
}
