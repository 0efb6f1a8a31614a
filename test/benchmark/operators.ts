/**
 * How many records a second do operators take, over plain Maps: no Kafka, no RocksDB, no commit. Run: node test/benchmark/operators.ts
 *
 * Processor time (of all threads, garbage collection too), not wall time: it holds on a busy machine.
 * `count` is the line to watch: a count for each key, decoding of text keys included, JSON excluded.
 */
import { json, minutes, seconds, text, topic, topology, tumbling, type, valueState } from 'millrace'
import type { Flow, Format } from 'millrace'
import type { RawRecord, TaskProgram } from '../../libs/dataflow/plan.ts'
import { planOf } from '../../libs/dataflow/topology.ts'
import { PlainStores } from '../support/plain-cells.ts'

interface Order {
  readonly city: string
  readonly total: number
}
const RECORDS = 1_000_000
/** Many keys mostly measure the memory behind a Map of them; few keys measure the operators. */
const KEYS = 100_000
const FEW_KEYS = 1_000
/** A value that costs nothing to read. */
const ORDER: Order = { city: 'Bern', total: 3 }
const free: Format<Order> = { name: 'free', decode: () => ORDER, encode: () => Buffer.alloc(1) }
const counted: Format<number> = { name: 'counted', decode: () => 0, encode: () => Buffer.alloc(1) }

const orders = topic('orders', { key: text, value: free })
const jsonOrders = topic('orders', { key: text, value: json(type<Order>()) })
const counts = topic('counts', { key: text, value: counted })
const copies = topic('copies', { key: text, value: free })

const cases: Readonly<Record<string, (flow: Flow) => void>> = {
  'pass through': (flow) => flow.stream(orders).to(copies),
  'map, filter, sink': (flow) =>
    flow
      .stream(orders)
      .filter((order) => order.total > 1)
      .map((order) => order.total)
      .to(counts),
  count: (flow) => flow.stream(orders).count('count').to(counts),
  'count of JSON': (flow) => flow.stream(jsonOrders).count('count').to(counts),
  keyBy: (flow) =>
    void flow
      .stream(orders)
      .keyBy('city', (order) => order.city)
      .count('count'),
  'window of a minute': (flow) =>
    flow
      .stream(orders, { outOfOrderness: seconds(5) })
      .window('minute', tumbling(minutes(1)), { lateness: seconds(5) })
      .count((total) => total)
      .to(counts),
  'process with a value': (flow) =>
    flow
      .stream(orders)
      .process('process', {
        state: { last: valueState<number>() },
        emits: type<number>(),
        onRecord: (order, { state, emit }) => {
          const last = state.last.get() ?? 0
          state.last.set(last + order.total)
          emit(last)
        },
      })
      .to(counts),
  'process with a time-out': (flow) =>
    flow
      .stream(orders)
      .process('process', {
        timers: { quiet: 'event-time' },
        emits: type<number>(),
        onRecord: (_, { timers }) => timers.quiet.after(minutes(1)),
        onTimer: { quiet: (_, { emit }) => emit(1) },
      })
      .to(counts),
}

function records(keys: number): readonly RawRecord[] {
  const value = Buffer.from(JSON.stringify(ORDER))
  return Array.from({ length: RECORDS }, (_, offset) => ({
    offset,
    // One hour of event time.
    timestamp: Math.floor((offset * 3_600_000) / RECORDS),
    key: Buffer.from(`customer-${(offset * 7919) % keys}`),
    value,
    headers: [],
  }))
}

function programOf(build: (flow: Flow) => void): TaskProgram {
  const stores = new PlainStores()
  const [plan] = planOf(topology('benchmark', { version: 1 }, build)).subTopologies
  if (plan === undefined) throw new Error('no plan')
  return plan.instantiate({
    partition: 0,
    store: (step) => stores.store(step),
    partitionsOf: () => 4,
    now: () => 4e12,
    emit: () => undefined,
    effect: () => undefined,
  })
}

function rate(build: (flow: Flow) => void, input: readonly RawRecord[]): number {
  const program = programOf(build)
  const start = process.cpuUsage()
  let watermark = -Infinity
  let sinceCommit = 0
  for (const raw of input) {
    const record = program.read(0, 0, raw)
    program.process(record, watermark)
    if (record.timestamp > watermark) {
      watermark = record.timestamp
      program.advance(watermark)
    }
    if (++sinceCommit === 10_000) {
      program.flush()
      sinceCommit = 0
    }
  }
  const { user, system } = process.cpuUsage(start)
  return (input.length * 1_000) / (user + system)
}

const many = records(KEYS)
const few = records(FEW_KEYS)
const line = (name: string, ...numbers: readonly (string | number)[]): string =>
  `${[name.padEnd(24), ...numbers.map((number) => number.toLocaleString('en').padStart(14))].join('')}\n`
process.stdout.write('records for each ms of processor time, best of 3\n')
process.stdout.write(line('', `${KEYS} keys`, `${FEW_KEYS} keys`))
for (const [name, build] of Object.entries(cases)) {
  const best = (input: readonly RawRecord[]): number => Math.round(Math.max(...[1, 2, 3].map(() => rate(build, input))))
  process.stdout.write(line(name, best(many), best(few)))
}
