import { describe, expect, it } from '@jest/globals'
import { totalsOf } from '../../../libs/runtime/worker/status.ts'
import { restoringTask, runningTask, statusOf } from '../telemetry/status-sample.ts'

describe('the totals of a status document', () => {
  it('add counters and take the largest lag in seconds', () => {
    const slower = {
      ...runningTask,
      name: 'rides.2',
      inputs: runningTask.inputs.map((input) => ({ ...input, lagRecords: 5, lagSeconds: 9 })),
    }
    expect(totalsOf([runningTask, slower])).toMatchObject({
      tasks: 2,
      running: 2,
      processed: 160,
      lagRecords: 25,
      lagSeconds: 9,
      storeBytes: 8_192,
    })
  })

  it('do not know the lag as long as one input does not: a sum that hides a part would read as caught up', () => {
    const unknown = { ...runningTask, inputs: runningTask.inputs.map((input) => ({ ...input, lagRecords: null, lagSeconds: null })) }
    expect(totalsOf([runningTask, unknown])).toMatchObject({ lagRecords: null, lagSeconds: null })
  })

  it('add what restores have yet to read', () => {
    expect(totalsOf([restoringTask, restoringTask])).toMatchObject({ restoring: 2, restoreRemaining: 1_200 })
  })

  it('survive JSON, as the whole document does', () => {
    const status = statusOf([runningTask, restoringTask])
    expect(JSON.parse(JSON.stringify(status))).toEqual(status)
  })
})
