/**
 * The conformance suite of the log port: what every home must do, one promise a case. Both homes run it, libs/memory in test/unit/memory
 * and libs/kafka on a real broker; so it waits with real deadlines and uses new names everywhere. It decides what may replace a client:
 * test/integration/kafka/stock-kafkajs.test.ts shows that it refuses one that breaks these promises.
 */
import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { abortedReadPromises } from './log-conformance-aborted-reads.ts'
import { groupPromises } from './log-conformance-groups.ts'
import { positionPromises } from './log-conformance-positions.ts'
import { readingPromises } from './log-conformance-reading.ts'
import { topicPromises } from './log-conformance-topics.ts'
import { transactionPromises } from './log-conformance-transactions.ts'
import { wirePromises } from './log-conformance-wire.ts'
import { PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep, LogHome, WireHome } from './log-home.ts'

/** One promise, to be kept by the home; throws where it is broken. */
export interface ConformanceCase<Home extends LogHome = LogHome> {
  readonly section: string
  readonly name: string
  run(home: Home): Promise<void>
}

type Promises<Home extends LogHome> = (homeOf: HomeOf<Home>, keep: Keep) => void

/** For every home. */
const sections: Readonly<Record<string, Promises<LogHome>>> = {
  topics: topicPromises,
  reading: readingPromises,
  'aborted reads': abortedReadPromises,
  transactions: transactionPromises,
  positions: positionPromises,
  groups: groupPromises,
}

/** For homes on a real broker, with a fault proxy between. */
const wireSections: Readonly<Record<string, Promises<WireHome>>> = { wire: wirePromises }

function casesOf<Home extends LogHome>(all: Readonly<Record<string, Promises<Home>>>): ConformanceCase<Home>[] {
  return Object.entries(all).flatMap(([section, promises]) => {
    const cases: ConformanceCase<Home>[] = []
    // The promises are collected once for each run, so that every run has a home of its own.
    const collect = (home: Home | undefined): Map<string, () => Promise<void>> => {
      const found = new Map<string, () => Promise<void>>()
      const homeOf: HomeOf<Home> = () => {
        if (home === undefined) throw new Error('a home is there inside a case only')
        return home
      }
      promises(homeOf, (name, keep) => void found.set(name, keep))
      return found
    }
    for (const name of collect(undefined).keys()) cases.push({ section, name, run: async (home) => await collect(home).get(name)?.() })
    return cases
  })
}

export const conformanceCases: readonly ConformanceCase[] = casesOf(sections)
export const wireCases: readonly ConformanceCase<WireHome>[] = casesOf(wireSections)

function runCases<Home extends LogHome>(title: string, cases: readonly ConformanceCase<Home>[], home: () => Promise<Home>): void {
  describe(title, () => {
    let opened: Home | undefined
    beforeAll(async () => {
      opened = await home()
    }, PROMISE_TIMEOUT_MS)
    afterAll(async () => {
      await opened?.close()
    }, PROMISE_TIMEOUT_MS)
    for (const section of new Set(cases.map((one) => one.section)))
      describe(section, () => {
        for (const one of cases.filter((found) => found.section === section))
          it(
            one.name,
            async () => {
              if (opened === undefined) throw new Error('the home did not open')
              await one.run(opened)
            },
            PROMISE_TIMEOUT_MS,
          )
      })
  })
}

export function logConformance(name: string, home: () => Promise<LogHome>): void {
  runCases(`the log port at home in ${name}`, conformanceCases, home)
}

export function wireConformance(name: string, home: () => Promise<WireHome>): void {
  runCases(`the log port at home in ${name}, on a bad wire`, wireCases, home)
}
