import { describe, expect, it } from '@jest/globals'
import { huntBug, recordedSchedules } from '../../support/simulation/hunt-bugs.ts'
import { plantedBugs } from '../../support/simulation/planted-bugs.ts'

/** A change of the simulator moves all seeds, so luck plays a part; a simulator that has become blind does not stay below this. */
const TIMES = 10
const AT_LEAST = 60
const TIMEOUT_MS = 110_000

describe('the simulator finds each bug that is planted (test/simulation/planted-bugs.json says in how many schedules)', () => {
  const recorded = recordedSchedules()

  it('and the table speaks of all of them, and of nothing else', () => {
    expect(Object.keys(recorded).toSorted()).toEqual(plantedBugs.map(({ name }) => name).toSorted())
  })

  it.each(plantedBugs)(
    '$name',
    async (bug) => {
      const limit = Math.max(AT_LEAST, TIMES * (recorded[bug.name] ?? 0))
      const { schedules } = await huntBug(bug, limit)
      expect(schedules).toBeLessThanOrEqual(limit)
    },
    TIMEOUT_MS,
  )
})
