/** Programs that must be refused by the compiler, each for the reason in its comment. Checked by tsc; never run. */
import { json, minutes, none, text, topic, topology, tumbling, type, valueState } from 'millrace'
import type { Flow } from 'millrace'
import { z } from 'zod'
import { changesOnly } from './programs.ts'

const Order = z.object({ id: z.string(), customer: z.string(), total: z.number() })
const orders = topic('orders', { key: text, value: json(Order) })
const clicks = topic('clicks', { key: none, value: json(type<{ readonly page: string }>()) })
const totals = topic('totals', { key: text, value: json(type<number>()) })
const invoices = topic('invoices', { key: text, value: json(z.object({ customer: z.string(), sum: z.number() })) })

export const keyless = (flow: Flow): void => {
  const stream = flow.stream(clicks)
  // @ts-expect-error a stream without key has no count: keyBy comes first
  stream.count('c')
  // @ts-expect-error nor a window
  stream.window('w', tumbling(minutes(1)))
  // @ts-expect-error nor may it be written to a topic with keys
  stream.map(() => 1).to(totals)
  // @ts-expect-error an object is no key: its bytes depend on the order of its fields
  stream.keyBy('page', (click) => ({ page: click.page }))
  // @ts-expect-error a stateful step needs its name first
  stream.keyBy((click) => click.page)
}

export const synchronous = (flow: Flow): void => {
  const stream = flow.stream(orders)
  // @ts-expect-error an async function cannot be a map
  stream.map(async (order) => await Promise.resolve(order.total))
  // @ts-expect-error nor a handler of records
  stream.process('p', { onRecord: async () => await Promise.resolve() })
  // @ts-expect-error dropping is filter or flatMap: undefined is no value
  stream.map((order) => (order.total > 1 ? order : undefined))
  // @ts-expect-error null is no value: it would be a tombstone
  stream.map(() => null)
}

export const sinks = (flow: Flow): void => {
  const stream = flow.stream(orders)
  // @ts-expect-error a field is missing: sum
  stream.map((order) => ({ customer: order.customer })).to(invoices)
  // @ts-expect-error a field has another type
  stream.map((order) => ({ customer: order.customer, sum: order.id })).to(invoices)
  const byTotal = stream.keyBy('total', (order) => order.total).map(() => 1)
  // @ts-expect-error keys are numbers, the topic has text
  byTotal.to(totals)
}

export const time = (flow: Flow): void => {
  const stream = flow.stream(orders)
  // @ts-expect-error a plain number is no duration
  stream.window('a', tumbling(60_000))
  // @ts-expect-error nor is it a lateness
  stream.window('b', tumbling(minutes(1)), { lateness: 30_000 })
  // @ts-expect-error a typo in an option is found
  stream.window('c', tumbling(minutes(1)), { latenes: minutes(1) })
  const corrected = stream.window('d', tumbling(minutes(1)), { emit: 'every-commit' }).count()
  // @ts-expect-error corrected results are a table: a second aggregation over them would count twice
  corrected.count('again')
  // @ts-expect-error a table has no result function
  stream.window('e', tumbling(minutes(1)), { emit: 'every-update' }).aggregate({ initial: () => 0, add: (n: number) => n, result: () => 1 })
  // @ts-expect-error initial is a function: one shared object would leak between keys
  stream.window('f', tumbling(minutes(1))).aggregate({ initial: 0, add: (n: number) => n + 1 })
  // @ts-expect-error event time is a number or ISO text, not a Date
  flow.stream(orders, { eventTime: () => new Date(0) })
}

export const tables = (flow: Flow): void => {
  const byCustomer = flow.table(orders).groupBy('c', (order) => order.customer)
  // @ts-expect-error an aggregation of a table must say how a row is taken away
  byCustomer.aggregate('sum', { initial: () => 0, add: (sum: number) => sum })
  // @ts-expect-error a stream has no changes
  flow.stream(orders).changes()
}

export const processors = (flow: Flow): void => {
  const stream = flow.stream(orders)
  stream.process('a', {
    // @ts-expect-error emit needs emits
    onRecord: (order, { emit }) => emit(order.total),
  })
  stream.process('b', {
    emits: type<number>(),
    // @ts-expect-error another type than declared
    onRecord: (order, { emit }) => emit(order.id),
  })
  // @ts-expect-error a timer without handler
  stream.process('c', { timers: { quiet: 'event-time' }, onRecord: () => undefined })
  stream.process('d', {
    timers: { quiet: 'event-time' },
    onRecord: () => undefined,
    // @ts-expect-error a handler without timer
    onTimer: { quiet: () => undefined, loud: () => undefined },
  })
  stream.process('e', {
    state: { last: valueState<number>() },
    // @ts-expect-error a state cell that is not declared
    onRecord: (_, { state }) => state.lost.clear(),
  })
  stream.process('f', {
    state: { last: valueState<number>() },
    // @ts-expect-error a value of another type
    onRecord: (order, { state }) => state.last.set(order.id),
  })
}

export const formats = (): void => {
  // @ts-expect-error JSON loses Date: use structured(schema)
  json(z.object({ at: z.date() }))
  // @ts-expect-error and bigint, however deep
  json(z.object({ deep: z.array(z.object({ n: z.bigint() })) }))
  // @ts-expect-error a topic needs two formats
  topic('half', { key: text })
}

export const names = (): void => {
  // @ts-expect-error the version is required
  topology('app', {}, (flow) => flow.stream(orders).to(topic('copy', { key: text, value: json(Order) })))
}

export const operators = (flow: Flow): void => {
  // @ts-expect-error the field is called customer
  flow.stream(orders).apply('moves', changesOnly({ of: (order) => order.custome }))
  // @ts-expect-error the operator takes strings
  flow.stream(orders).apply('moves', changesOnly<string>({ of: (one) => one }))
}

export const stateVersions = (flow: Flow): void => {
  const stream = flow.stream(orders)
  // @ts-expect-error an upgrade makes values of the cell's type
  stream.process('p', { state: { sum: valueState<number>({ version: 2, upgrade: () => 'one' }) }, onRecord: () => undefined })
  // @ts-expect-error nor may that of an aggregation make something else than its total
  stream.aggregate('a', { initial: () => 0, add: (total) => total + 1, version: 2, upgrade: () => 'one' })
}
