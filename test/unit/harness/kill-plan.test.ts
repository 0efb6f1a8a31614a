import { describe, expect, it } from '@jest/globals'
import { failPoints } from '../../../libs/faults/fail-points.ts'
import { planKills } from '../../support/proof/kill-plan.ts'

const pointsOf = (share?: { index: number; of: number }): string[] =>
  planKills({ rounds: 1, tasks: 4, seed: 7, ...(share === undefined ? {} : { share }) })
    .flat()
    .map(({ point }) => point)

describe('the plan of kills', () => {
  it('reaches every fail-point of a worker once a round, each of a reset never', () => {
    const all = Object.keys(failPoints).filter((point) => !point.includes(':'))
    expect(pointsOf().toSorted()).toEqual(all.toSorted())
    expect(planKills({ rounds: 3, tasks: 4, seed: 7 }).flat()).toHaveLength(3 * all.length)
  })

  it('dealt to three runs reaches every one of them too', () => {
    const dealt = [0, 1, 2].flatMap((index) => pointsOf({ index, of: 3 }))
    expect(dealt.toSorted()).toEqual(pointsOf().toSorted())
  })
})
