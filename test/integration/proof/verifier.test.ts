/**
 * V9: the verifier fails where it must, and names the check. One real application, drained; each test breaks one thing of it in Kafka, on
 * disk or in the reader, and puts it right again. The last is an application without exactly-once.
 */
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Log, OutgoingRecord, PartitionReader } from '../../../libs/runtime/ports/log.ts'
import { listTasks, openExisting } from '../../../libs/state/rocksdb-store.ts'
import { EngineRig } from '../../support/engine-rig.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { IndependentReader } from '../../support/proof/independent-reader.ts'
import type { SeenRecord } from '../../support/proof/independent-reader.ts'
import { runUnderKills } from '../../support/proof/run-under-kills.ts'
import { verdictOf } from '../../support/proof/verdict.ts'
import type { ProvedWorker, VerdictRequest } from '../../support/proof/verdict.ts'
import { stockLog } from '../../support/stock-kafkajs/stock-log.ts'

const PARTITIONS = 2
const TASKS = 2 * PARTITIONS
const WITHIN_MS = 180_000
/** Of a transaction that nobody ends. */
const LEFT_OPEN_MS = 200

const { brokers } = await kafkaForTests()
const request = {
  brokers,
  module: 'test/support/proof/topology.ts',
  topics: { orders: PARTITIONS, chains: PARTITIONS, regions: PARTITIONS, windows: PARTITIONS },
}
const rig = await EngineRig.open(request)
const loose = await EngineRig.open(request)
const reader = await IndependentReader.open(brokers)
const say = (): void => undefined
const stopped: ProvedWorker[] = []
afterAll(async () => {
  await reader.close()
  await rig.close()
  await loose.close()
}, WITHIN_MS)

/** Names of the checks that have failed. */
async function failures(more: Partial<VerdictRequest> = {}): Promise<readonly string[]> {
  const { checks } = await verdictOf({
    rig,
    workers: stopped,
    tasks: TASKS,
    say,
    reader,
    withRebuild: false,
    ...more,
  })
  return checks.filter(({ passed }) => !passed).map(({ name }) => name)
}

const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text, 'base64'))
const outgoing = ({ key, value }: Pick<SeenRecord, 'key' | 'value'>): OutgoingRecord => ({
  key: bytesOf(key),
  value: bytesOf(value),
  timestamp: Date.now(),
  headers: [],
})

/** Writes an output topic again as somebody else would have it; answers the name of the copy. */
async function rewritten(
  output: 'chains' | 'windows',
  name: string,
  change: (records: SeenRecord[], at: number, next: number) => void,
): Promise<string> {
  const records = [...(await reader.records(rig.topic(output)))]
  const nextOf = (place: number): number => records.findIndex((one, index) => index > place && one.key === records[place]?.key)
  // In the middle, where the key has another record behind it.
  let at = Math.floor(records.length / 2)
  while (at > 0 && nextOf(at) === -1) at -= 1
  const next = nextOf(at)
  change(records, at, next)
  const copy = rig.topic(name)
  await rig.log.admin.createTopics([{ name: copy, partitions: PARTITIONS, replicationFactor: -1, config: {} }])
  for (const [partition, all] of Map.groupBy(records, (one) => one.partition))
    await rig.log.append([{ topic: copy, partition, records: all.map(outgoing) }])
  return copy
}

const aRecord = (value: string): OutgoingRecord => ({ key: Buffer.from('a'), value: Buffer.from(value), timestamp: 1, headers: [] })

/** Two aborted transactions of which the one that began first ends last: defect K1 of kafkajs. */
async function abortTwo(topic: string): Promise<void> {
  const [first, second] = [`${rig.name}-aborts-a`, `${rig.name}-aborts-b`]
  const [a, b] = [await rig.log.openProducer(first), await rig.log.openProducer(second)]
  for (const [producer, value] of [
    [a, 'aborted 1'],
    [b, 'aborted 2'],
    [a, 'aborted 3'],
  ] as const)
    await producer.send([{ topic, partition: 0, records: [aRecord(value)] }])
  for (const id of [second, first]) await (await rig.log.openProducer(id)).close()
  await Promise.all([a.close(), b.close()])
}

/** Our reader, with kafkajs' own in its place for one topic. */
function leakyFor(topic: string, stock: Log): Log {
  const { log } = rig
  return {
    admin: log.admin,
    openProducer: (id, options) => log.openProducer(id, options),
    joinGroup: (options, events) => log.joinGroup(options, events),
    append: (batches) => log.append(batches),
    close: () => log.close(),
    openReader(events, options) {
      let inside: PartitionReader | undefined
      return {
        assign(partition, position) {
          inside = (partition.topic === topic ? stock : log).openReader(events, options)
          inside.assign(partition, position)
        },
        unassign: (partition) => inside?.unassign(partition),
        pause: (partition) => inside?.pause(partition),
        resume: (partition) => inside?.resume(partition),
        close: async () => await inside?.close(),
      }
    },
  }
}

describe('the verifier', () => {
  beforeAll(async () => {
    const { workers } = await runUnderKills({ rig, partitions: PARTITIONS, seed: 1, rate: 400, kills: 0, say })
    for (const worker of workers) stopped.push({ seat: worker.seat, down: () => Promise.resolve(0) })
    await Promise.all(workers.map((worker) => worker.down('SIGTERM')))
  }, WITHIN_MS)

  it(
    'finds nothing where nothing is wrong, also with aborted transactions in an output',
    async () => {
      await abortTwo(rig.topic('chains'))
      expect(await failures()).toEqual([])
    },
    WITHIN_MS,
  )

  it(
    'finds a reader that shows an aborted record (V6)',
    async () => {
      const stock = stockLog(brokers)
      try {
        expect(await failures({ ours: leakyFor(rig.topic('chains'), stock) })).toEqual(["V6 our reader sees what Kafka's own sees"])
      } finally {
        await stock.close()
      }
    },
    WITHIN_MS,
  )

  const chained = ['V2 the hash chain of each key is unbroken', 'V3 chains equal the oracle']
  const counted = 'P5 processed + refused = read'

  it(
    'finds a lost record (V2, V3)',
    async () => {
      const chains = await rewritten('chains', 'lost', (records, at) => records.splice(at, 1))
      expect(await failures({ instead: { chains } })).toEqual([...chained, counted])
    },
    WITHIN_MS,
  )

  it(
    'finds a record that is there twice (V2, V3)',
    async () => {
      const chains = await rewritten('chains', 'doubled', (records, at) => records.splice(at, 0, ...records.slice(at, at + 1)))
      expect(await failures({ instead: { chains } })).toEqual([...chained, counted])
    },
    WITHIN_MS,
  )

  it(
    'finds two records of a key that have changed places (V2, V3)',
    async () => {
      const chains = await rewritten('chains', 'swapped', (records, at, next) => {
        const [one, other] = [records[at], records[next]]
        if (one === undefined || other === undefined) throw new Error('no second record of the key')
        records[at] = other
        records[next] = one
      })
      expect(await failures({ instead: { chains } })).toEqual(chained)
    },
    WITHIN_MS,
  )

  it(
    'finds a lost window (V3)',
    async () => {
      const windows = await rewritten('windows', 'lost-window', (records, at) => records.splice(at, 1))
      expect(await failures({ instead: { windows } })).toEqual(['V3 windows equal the oracle'])
    },
    WITHIN_MS,
  )

  it(
    'finds state that was changed in RocksDB only (V5)',
    async () => {
      const workers = stopped.map(({ seat, down }) => ({ seat: `changed-${seat}`, down }))
      for (const { seat } of stopped) cpSync(join(rig.directory, seat), join(rig.directory, `changed-${seat}`), { recursive: true })
      const changed = await Promise.all(workers.map(({ seat }) => changeOneValue(join(rig.directory, seat, rig.group))))
      expect(changed.some(Boolean)).toBe(true)
      // The first value may be a link or a total; only links can be computed up to where a copy stands.
      const links = 'V5 links and timers in each copy = oracle up to its positions'
      const found = (await failures({ workers })).filter((name) => name !== links)
      expect(found).toEqual(['V5 RocksDB = changelogs', 'V5 each copy of a store = its changelogs up to its mark'])
    },
    WITHIN_MS,
  )

  it(
    'finds state that was changed in a changelog only (V5)',
    async () => {
      const changelog = rig.internal('chain.changelog')
      const [entry] = await reader.state(changelog)
      if (entry === undefined) throw new Error('the changelog is empty')
      const append = (value: string): Promise<void> =>
        rig.log.append([{ topic: changelog, partition: entry.partition, records: [outgoing({ ...entry, value })] }])
      await append(Buffer.from('{"n":1,"hash":"wrong"}').toString('base64'))
      expect(await failures()).toEqual(['V5 RocksDB = changelogs', 'V5 changelogs = oracle'])
      await append(entry.value)
    },
    WITHIN_MS,
  )

  it(
    'finds a position that was moved (V8)',
    async () => {
      const [one] = (await reader.positions(rig.group)).filter(({ position }) => position > 0)
      if (one === undefined) throw new Error('the group has no positions')
      await rig.log.admin.commitFromOutside(rig.group, [{ ...one, position: one.position - 1, metadata: '' }])
      expect(await failures()).toEqual(['V8 positions in the state = positions of the group'])
      await rig.log.admin.commitFromOutside(rig.group, [{ ...one, metadata: '' }])
    },
    WITHIN_MS,
  )

  it(
    'finds a transaction that was left open (V4, V7)',
    async () => {
      const id = `${rig.name}-left`
      const left = await rig.log.openProducer(id, { transactionTimeoutMs: 600_000 })
      await left.send([{ topic: rig.topic('chains'), partition: 0, records: [aRecord('left')] }])
      const found = await failures({ transactionsEndWithinMs: LEFT_OPEN_MS })
      expect(found).toEqual(['V4 last stable offset = high watermark', 'V7 no transaction is ongoing'])
      await left.close()
      await (await rig.log.openProducer(id)).close()
    },
    WITHIN_MS,
  )

  it(
    'finds nothing once everything is put right again',
    async () => {
      expect(await failures()).toEqual([])
    },
    WITHIN_MS,
  )

  it(
    'fails an application without exactly-once whose workers were killed with -9 (V2, V3)',
    async () => {
      const done = await runUnderKills({
        rig: loose,
        partitions: PARTITIONS,
        seed: 2,
        rate: 300,
        kills: 1,
        say,
        points: ['after-send:12'],
        reachedWithinMs: 60_000,
        program: 'test/support/proof/at-least-once-worker.ts',
      })
      expect([...done.kills.keys()]).toContain('after-send')
      const found = await failures({ rig: loose, workers: done.workers })
      // Which outputs have come twice depends on which tasks were committing; state and positions are right all the same.
      const outputs = [...chained, counted, 'V3 regions equal the oracle', 'V3 windows equal the oracle']
      expect(found.filter((name) => !outputs.includes(name))).toEqual([])
      expect(found.filter((name) => name.startsWith('V3'))).not.toEqual([])
    },
    WITHIN_MS,
  )
})

/** The last byte of the first value of the first store that has one; answers whether there was one. */
async function changeOneValue(application: string): Promise<boolean> {
  for (const seat of readdirSync(application)) {
    for (const task of await listTasks(join(application, seat))) {
      const store = await openExisting(join(application, seat), task)
      try {
        // Behind what the store knows about itself (key-layout.ts).
        const [row] = store.scan({ from: Buffer.from([0, 1]), to: undefined, limit: 1 })
        if (row === undefined) continue
        const value = Buffer.from(row[1])
        value[value.length - 1] = (value.at(-1) ?? 0) ^ 1
        await store.write([{ key: row[0], value }])
        return true
      } finally {
        await store.close()
      }
    }
  }
  return false
}
