/** The last line of `make test` tells the truth: every way in which a run of jest can go wrong is a failure in it. */
import { describe, expect, it } from '@jest/globals'
import { addCounts, jestCounts, noCounts, verdictLine } from '../../support/test-counts.ts'

const report = (counts: Partial<Record<string, number>>): string =>
  JSON.stringify({ numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, numRuntimeErrorTestSuites: 0, ...counts })

describe('the count of a run of jest', () => {
  it.each([
    { run: 'all passed', json: report({ numPassedTests: 5 }), code: 0, line: '5 passed, 0 failed' },
    { run: 'two failed', json: report({ numPassedTests: 3, numFailedTests: 2 }), code: 1, line: '3 passed, 2 failed' },
    {
      run: 'a file could not be loaded',
      json: report({ numPassedTests: 3, numRuntimeErrorTestSuites: 1 }),
      code: 1,
      line: '3 passed, 1 failed',
    },
    {
      run: 'skipped and planned tests',
      json: report({ numPassedTests: 1, numPendingTests: 1, numTodoTests: 1 }),
      code: 0,
      line: '1 passed, 0 failed, 2 skipped',
    },
    { run: 'no report at all', json: undefined, code: 0, line: '0 passed, 1 failed' },
    { run: 'no test at all', json: report({}), code: 0, line: '0 passed, 1 failed' },
    { run: 'all passed, and yet a bad end', json: report({ numPassedTests: 5 }), code: 1, line: '5 passed, 1 failed' },
  ])('$run: $line', ({ json, code, line }) => {
    expect(verdictLine(jestCounts(json, code))).toBe(line)
  })

  it('refuses a report that is not one of jest', () => {
    expect(() => jestCounts('{}', 0)).toThrow('numPassedTests')
  })

  it('sums runs up', () => {
    const sum = [report({ numPassedTests: 2 }), report({ numPassedTests: 1, numFailedTests: 4 })]
      .map((json) => jestCounts(json, 0))
      .reduce(addCounts, noCounts)

    expect(sum).toEqual({ passed: 3, failed: 4, skipped: 0 })
  })
})
