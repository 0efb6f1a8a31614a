import { describe, expect, it } from '@jest/globals'
import { TaskTime } from '../../../libs/runtime/task/task-time.ts'

const external = (id: string, outOfOrdernessMs = 0) => ({ id, outOfOrdernessMs, upstream: [] })
const repartition = (id: string, upstream: string[]) => ({ id, outOfOrdernessMs: undefined, upstream })

describe('event time of a task', () => {
  it('is the minimum over all inputs and starts when the last one has shown a record', () => {
    const time = new TaskTime([external('a:0'), external('b:0', 5)])
    expect(time.observe(0, 100)).toBe(false)
    expect(time.watermark).toBe(-Infinity)
    expect(time.observe(1, 50)).toBe(true)
    expect(time.watermark).toBe(45)
    expect(time.holdingBack()).toBe('b:0')
  })
  it('never moves back', () => {
    const time = new TaskTime([external('a:0')])
    time.observe(0, 100)
    expect(time.observe(0, 20)).toBe(false)
    expect(time.watermark).toBe(100)
  })
  it('stamps a record with the own watermark of its partition just before it (T1)', () => {
    const time = new TaskTime([external('a:0'), external('b:0')])
    time.observe(0, 31)
    expect(time.stampOf(0)).toBe(31)
    expect(time.stampOf(1)).toBe(-Infinity)
  })
  it('takes the minimum over all upstream tasks, also those that were never heard (T11)', () => {
    const time = new TaskTime([repartition('r:0', ['s.0', 's.1'])])
    expect(time.mark(0, 's.0', 21)).toBe(false)
    expect(time.mark(0, 's.1', 9)).toBe(true)
    expect(time.watermark).toBe(9)
    expect(time.mark(0, 's.1', 5)).toBe(false)
    expect(time.mark(0, 'stranger.0', 1)).toBe(false)
  })
  it('loses nothing when it is saved and read again: each part, not the merged value (T3, T4)', () => {
    const inputs = [external('a:0'), external('b:0'), repartition('r:0', ['s.0', 's.1'])]
    const time = new TaskTime(inputs)
    time.observe(0, 31)
    time.observe(1, 2)
    time.mark(2, 's.0', 40)
    const saved = JSON.parse(JSON.stringify(time.saved())) as ReturnType<TaskTime['saved']>
    const again = new TaskTime(inputs, saved)
    expect(again.stampOf(0)).toBe(31)
    expect(again.watermark).toBe(-Infinity)
    again.mark(2, 's.1', 50)
    expect(again.watermark).toBe(2)
    again.observe(1, 45)
    expect(again.watermark).toBe(31)
  })
  it('is lifted by hand only upwards', () => {
    const time = new TaskTime([external('a:0')])
    expect(time.lift('a:0', 60)).toBe(true)
    expect(time.lift('a:0', 30)).toBe(false)
    expect(time.stampOf(0)).toBe(60)
  })
})
