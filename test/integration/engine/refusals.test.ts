/** What cannot work is told in one message with its code, the process ends with its exit code, and nothing is retried for ever. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { freePort } from '../../../deploy/local-kafka/free-port.ts'
import { EngineRig } from '../../support/engine-rig.ts'
import type { WorkerStart } from '../../support/engine-rig.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'

const kafka = await kafkaForTests()
const ENDS_WITHIN_MS = 30_000

const totals = 'test/integration/engine/topologies/totals.ts'
const fine = await EngineRig.open({ brokers: kafka.brokers, module: totals, topics: { amounts: 2, totals: 2 } })
const missing = await EngineRig.open({ brokers: kafka.brokers, module: totals, topics: { amounts: 2 } })
const uneven = await EngineRig.open({
  brokers: kafka.brokers,
  module: 'test/integration/engine/topologies/joined.ts',
  topics: { left: 3, right: 2, both: 2 },
})
const nobody = `127.0.0.1:${await freePort()}`
const file = join(fine.directory, 'a-file')
writeFileSync(file, 'not a directory')
afterAll(async () => {
  for (const rig of [fine, missing, uneven]) await rig.close()
})

interface Refused extends WorkerStart {
  readonly rig?: EngineRig
  readonly code: string
  readonly exit: number
  readonly says: RegExp
}

const cases: readonly (readonly [what: string, refused: Refused])[] = [
  [
    'a setting that does not exist',
    {
      words: ['--comit-interval-ms', '100'],
      code: 'MR2010',
      exit: 2,
      says: /unknown flag --comit-interval-ms.*Did you mean --commit-interval-ms/u,
    },
  ],
  ['a value that a setting cannot take', { words: ['--commit-interval-ms', '0'], code: 'MR2003', exit: 2, says: /must be at least 1/u }],
  [
    'settings that contradict each other',
    { words: ['--heartbeat-interval-ms', '5000'], code: 'MR2006', exit: 2, says: /a third of sessionTimeoutMs/u },
  ],
  [
    'a session time-out that the broker does not take',
    { words: ['--session-timeout-ms', '4000'], code: 'MR3016', exit: 2, says: /Set sessionTimeoutMs between/u },
  ],
  ['a broker that does not answer', { words: ['--brokers', nobody], code: 'MR3020', exit: 4, says: /no broker answers at 127\.0\.0\.1/u }],
  ['a topic that does not exist', { rig: missing, code: 'MR5008', exit: 3, says: /the topic e\w+-totals of .* does not exist; create/u }],
  ['inputs that meet with different partition counts', { rig: uneven, code: 'MR5009', exit: 3, says: /left.*3.*right.*2/u }],
  [
    'a file in the place of the state directory',
    { words: ['--state-directory', file], code: 'MR2051', exit: 2, says: /state directory cannot be used/u },
  ],
  [
    'a state directory that nobody can write',
    { words: ['--state-directory', '/proc/nothing'], code: 'MR2051', exit: 2, says: /state directory cannot be used/u },
  ],
]

describe('a worker that cannot work because of', () => {
  it.each(cases)(
    '%s says so once, with its code, and ends',
    async (_, { rig = fine, code, exit, says, words }) => {
      const worker = rig.start(words === undefined ? {} : { words })
      const end = await worker.ended
      const text = worker.text
      expect(text).toContain(code)
      expect(text).toMatch(says)
      expect(text).not.toMatch(/\n\s+at |\\n\s+at /u)
      expect({ exit: end.code, text }).toEqual({ exit, text })
      expect(end.afterMs).toBeLessThan(ENDS_WITHIN_MS)
      expect(worker.lines.filter((line) => line.level === 'warn').length).toBeLessThanOrEqual(2)
      expect(text.split('\n').filter((line) => line.includes(code) && !line.includes('More: millrace explain'))).toHaveLength(1)
    },
    60_000,
  )
})

describe('two workers with one state directory', () => {
  it('both work, each with a seat of its own in it', async () => {
    const workers = [fine.start({ seat: 'shared' }), fine.start({ seat: 'shared' })]
    for (const worker of workers) await fine.running(worker, 1)
    const seats = readdirSync(join(fine.directory, 'shared', fine.group)).toSorted()
    expect(seats).toEqual(['worker-0', 'worker-0.pid', 'worker-1', 'worker-1.pid'])
    expect((await Promise.all(workers.map((worker) => worker.stop()))).map((end) => end.code)).toEqual([0, 0])
  }, 60_000)
})
