/** What a task makes of a transaction without an answer, once the barrier shows what stands in the log. */
import { describe, expect, it } from '@jest/globals'
import type { Acquired } from '../../../libs/runtime/acquire/acquire.ts'
import type { EffectRunner } from '../../../libs/runtime/effects/effect-runner.ts'
import type { UnsettledLayer } from '../../../libs/runtime/task/run-context.ts'
import { noCounts } from '../../../libs/runtime/task/task-counters.ts'
import type { TaskHistory } from '../../../libs/runtime/task/task-counters.ts'
import { TaskRecovery } from '../../../libs/runtime/task/task-recovery.ts'

const sent: UnsettledLayer = {
  record: { n: 11, acquisition: 'x', positions: {} },
  counts: { ...noCounts(), processed: 3, late: 2 },
  effects: [{} as UnsettledLayer['effects'][number]], // Only counted here.
}

/** Commit records that the barrier sees, oldest first. */
function afterSeeing(...seen: readonly (readonly [n: number, acquisition: string])[]): { processed: number; late: number; made: number } {
  const recovery = new TaskRecovery('clicks.0', 3_000)
  recovery.ended(sent)
  for (const [n, acquisition] of seen) recovery.stands({ n, acquisition })
  const totals = noCounts()
  let made = 0
  // The two fields and the one method that are looked at.
  const acquired = { ledger: { record: { epoch: 1 } }, wasReset: false, leftOut: 0 } as unknown as Acquired
  const effects = { make: (calls: readonly unknown[]) => void (made += calls.length) } as unknown as EffectRunner
  recovery.acquired(acquired, totals, { resets: 0, leftOut: 0 } as TaskHistory, effects)
  return { processed: totals.processed, late: totals.late, made }
}

describe('a transaction without an answer', () => {
  it('counts, and its calls are made, when its commit record is the newest', () => {
    expect(afterSeeing([10, 'x'], [11, 'x'])).toEqual({ processed: 3, late: 2, made: 1 })
  })

  it('counts also when another acquisition has committed since', () => {
    expect(afterSeeing([10, 'x'], [11, 'x'], [12, 'y'], [13, 'y'])).toEqual({ processed: 3, late: 2, made: 1 })
  })

  it('does not count when another acquisition wrote that commit', () => {
    expect(afterSeeing([10, 'x'], [11, 'y'], [12, 'y'])).toEqual({ processed: 0, late: 0, made: 0 })
    expect(afterSeeing([10, 'x'])).toEqual({ processed: 0, late: 0, made: 0 })
    expect(afterSeeing()).toEqual({ processed: 0, late: 0, made: 0 })
  })
})
