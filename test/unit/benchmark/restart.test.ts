/** What is made of the rounds of restarts. */
import { describe, expect, it } from '@jest/globals'
import { restartSection } from '../../benchmark/kappa/restart.ts'

const millrace = {
  name: 'millrace',
  times: [
    { killed: 1, kept: 1, lost: 11, changelogRecords: 1_000 },
    { killed: 2, kept: 1, lost: 6, changelogRecords: 1_000 },
    { killed: 1, kept: 1, lost: 1, changelogRecords: 1_000 },
  ],
} as const
const streams = {
  name: 'kafka-streams',
  times: [
    { killed: 10, kept: 3, lost: 13, changelogRecords: 1_000 },
    { killed: 10, kept: 3, lost: 13, changelogRecords: 1_000 },
    { killed: 30, kept: 3, lost: 13, changelogRecords: 1_000 },
  ],
} as const

describe('restart', () => {
  it('compares round with round, and has no rate of a restore that took no time', () => {
    const { notes, tables } = restartSection(500, [streams, millrace])
    expect(notes.at(-1)).toBe(
      'Times as fast as Kafka Streams, round by round: ordered stop 3.00 (3.00-3.00), kill -9 10.00 (5.00-30.00), disk lost 2.17 (1.18-13.00); records restored per second 1.50 (1.00-2.00).',
    )
    expect(tables[0]?.rows).toEqual([
      ['kafka-streams', '3.0 (3.0-3.0)', '10.0 (10.0-30.0)', '13.0 (13.0-13.0)', '1,000', '100 (100-100)', '3'],
      ['millrace', '1.0 (1.0-1.0)', '1.0 (1.0-2.0)', '6.0 (1.0-11.0)', '1,000', '150 (100-200)', '3'],
    ])
  })

  it('says nothing of a contender that has not run', () => {
    expect(restartSection(500, [millrace]).notes).toHaveLength(2)
  })
})
