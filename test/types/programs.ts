/**
 * Programs that must compile, and what their types must be. Checked by tsc; never run.
 * `same<A, B>()` compiles only when A and B are the same type.
 */
import {
  bytes,
  days,
  hopping,
  int64,
  json,
  listState,
  mapState,
  minutes,
  none,
  nullable,
  otherwise,
  seconds,
  structured,
  text,
  topic,
  topology,
  tumbling,
  type,
  valueState,
  windowed,
} from 'millrace'
import type { Change, Flow, Key, KeyedStream, Stream, Table, Timestamp, Window, Windowed } from 'millrace'
import { z } from 'zod'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : { readonly 'not the same': [A, B] }
declare const same: <A, B>(...agrees: Same<A, B> extends true ? [] : [Same<A, B>]) => void
/** The type of a value, as the first argument of `same`. */
declare const typed: <A>(value: A) => { is<B>(...agrees: Same<A, B> extends true ? [] : [Same<A, B>]): void }

const Order = z.object({ id: z.string(), customer: z.string(), total: z.number(), tags: z.array(z.string()) })
type Order = z.infer<typeof Order>
const orders = topic('orders', { key: text, value: json(Order) })
const payments = topic('payments', { key: text, value: json(type<{ readonly order: string; readonly method: string }>()) })
const clicks = topic('clicks', { key: none, value: json(type<{ readonly page: string }>()) })
const totals = topic('totals', { key: text, value: json(type<number>()) })
const minutely = topic('minutely', { key: windowed(text), value: json(type<number>()) })

export const keys = (flow: Flow): void => {
  const keyed = flow.stream(orders)
  typed(keyed).is<KeyedStream<string, Order>>()
  const unkeyed = flow.stream(clicks)
  typed(unkeyed).is<Stream<{ readonly page: string }>>()
  typed(unkeyed.keyBy('page', (click) => click.page)).is<KeyedStream<string, { readonly page: string }>>()
  typed(keyed.keyBy('pair', (order) => [order.customer, order.total])).is<KeyedStream<readonly [string, number], Order>>()
  typed(keyed.keyBy('total', (order) => BigInt(order.total), { key: int64, partitions: 4 })).is<KeyedStream<bigint, Order>>()
  same<Key, string | number | bigint | boolean | readonly Key[]>()
}

export const values = (flow: Flow): void => {
  const stream = flow.stream(orders)
  // Literals stay literal, numbers and arrays general, without `as const`.
  typed(stream.map((order) => ({ kind: 'order', total: order.total, ids: [order.id] }))).is<
    KeyedStream<string, { kind: 'order'; total: number; ids: string[] }>
  >()
  typed(stream.flatMap((order) => order.tags)).is<KeyedStream<string, string>>()
  typed(stream.map((_, meta) => meta.key)).is<KeyedStream<string, string>>()
  stream.map((_, { timestamp, headers, position }) => {
    typed(timestamp).is<number>()
    typed(headers).is<ReadonlyMap<string, Uint8Array>>()
    typed(position.offset).is<bigint>()
    return 1
  })
  // Type predicates, also inferred ones, narrow.
  const small = stream.map((order): Order | string => (order.total > 1 ? order : order.id)).filter((one) => typeof one !== 'string')
  typed(small).is<KeyedStream<string, Order>>()
}

export const branches = (flow: Flow): void => {
  interface Card {
    readonly kind: 'card'
    readonly number: string
  }
  interface Cash {
    readonly kind: 'cash'
  }
  const all = topic('all', { key: text, value: json(type<Card | Cash>()) })
  const parts = flow.stream(all).branch({
    cards: (one): one is Card => one.kind === 'card',
    odd: (one) => one.kind.length > 3,
    rest: otherwise,
  })
  typed(parts.cards).is<KeyedStream<string, Card>>()
  typed(parts.odd).is<KeyedStream<string, Card | Cash>>()
  typed(parts.rest).is<KeyedStream<string, Card | Cash>>()
  typed(flow.stream(clicks).branch({ a: otherwise }).a).is<Stream<{ readonly page: string }>>()
}

export const merges = (flow: Flow): void => {
  const merged = flow.merge(
    flow.stream(orders).map((order) => ({ kind: 'order', id: order.id })),
    flow.stream(payments).map((payment) => ({ kind: 'payment', id: payment.order })),
  )
  typed(merged).is<KeyedStream<string, { kind: 'order'; id: string } | { kind: 'payment'; id: string }>>()
  const mixed = flow.merge(flow.stream(orders), flow.stream(clicks))
  typed(mixed).is<Stream<Order | { readonly page: string }>>()
  const numbers = flow.stream(orders).keyBy('n', (order) => order.total)
  typed(flow.merge(flow.stream(orders), numbers)).is<Stream<Order>>()
}

export const windows = (flow: Flow, lateness: ReturnType<typeof seconds> | undefined): void => {
  const stream = flow.stream(orders)
  const counted = stream.window('a', tumbling(minutes(1)), { lateness: seconds(30) }).count()
  typed(counted.map((one) => one)).is<KeyedStream<string, Windowed<number>>>()
  typed(counted.side.late).is<KeyedStream<string, Order>>()
  const mean = stream.window('b', hopping(minutes(10), { every: minutes(1) })).aggregate({
    initial: () => ({ sum: 0, count: 0 }),
    add: (total, order) => ({ sum: total.sum + order.total, count: total.count + 1 }),
    result: ({ sum, count }, { key, window }) => ({ customer: key, from: window.start, mean: sum / count }),
  })
  typed(mean.map((one) => one)).is<KeyedStream<string, { customer: string; from: number; mean: number }>>()
  stream
    .map((order) => order.total)
    .window('c', tumbling(days(1)))
    .reduce(Math.max)
    .map(({ value }) => value)
    .to(totals)
  // An option that may be undefined is welcome.
  stream.window('d', tumbling(minutes(1)), { lateness }).count()
  const updated = stream.window('e', tumbling(minutes(1)), { emit: 'every-commit' }).count()
  updated.to(minutely)
  typed(updated.changes()).is<KeyedStream<readonly [string, Window], Change<number>>>()
}

export const tables = (flow: Flow): void => {
  const table = flow.table(orders)
  typed(table).is<Table<string, Order>>()
  typed(table.map((order, key) => [key, order.id])).is<Table<string, string[]>>()
  typed(table.filter((order) => order.total > 3).changes()).is<KeyedStream<string, Change<Order>>>()
  const byCustomer = table.groupBy('customer', (order) => order.customer)
  typed(byCustomer.count('orders-of')).is<Table<string, number>>()
  typed(
    byCustomer.aggregate('sum', { initial: () => 0, add: (sum, order) => sum + order.total, subtract: (sum, order) => sum - order.total }),
  ).is<Table<string, number>>()
  typed(flow.stream(orders).latest('last')).is<Table<string, Order>>()
  typed(flow.stream(orders).count('count')).is<Table<string, number>>()
  typed(flow.stream(orders).aggregate('ids', { initial: (): string[] => [], add: (ids, order) => [...ids, order.id] })).is<
    Table<string, string[]>
  >()
}

export const processors = (flow: Flow): void => {
  // Order of the fields does not matter; state, timers and side outputs are typed by what is declared.
  const step = flow.stream(orders).process('all', {
    onTimer: {
      quiet: (at, { emit, key }) => emit({ customer: key, at }),
      check: (_, { timers }) => timers.quiet.cancel(),
    },
    onRecord: (order, { key, state, timers, side, emit, watermark }) => {
      typed(state.last.get()).is<number | undefined>()
      for (const [id, total] of state.byId.entries()) side.odd(`${id} ${total}`)
      for (const tag of state.tags.values()) typed(tag).is<string>()
      state.byId.set(order.id, order.total)
      timers.quiet.after(minutes(30))
      timers.check.at(watermark)
      emit({ customer: key, at: order.total })
    },
    state: { last: valueState<number>(), byId: mapState<string, number>(), tags: listState<string>() },
    timers: { quiet: 'event-time', check: 'processing-time' },
    side: { odd: type<string>() },
    emits: z.object({ customer: z.string(), at: z.number() }),
  })
  typed(step.map((one) => one)).is<KeyedStream<string, { customer: string; at: number }>>()
  typed(step.side.odd).is<KeyedStream<string, string>>()
  // A step that emits nothing, in method syntax.
  flow.stream(orders).process('silent', {
    state: { last: valueState<number>() },
    onRecord(order, { state }) {
      state.last.set(order.total)
    },
  })
}

export function changesOnly<V>(options: { readonly of: (value: V) => Key }): <K>(input: KeyedStream<K, V>) => KeyedStream<K, V> {
  return (input) =>
    input.process('last', {
      state: { last: valueState<Key>() },
      emits: type<V>(),
      onRecord: (value, { state, emit }) => {
        if (state.last.get() === options.of(value)) return
        state.last.set(options.of(value))
        emit(value)
      },
    })
}

export const formats = (): void => {
  const transformed = topic('transformed', { key: text, value: json(z.object({ at: z.string().transform((at) => new Date(at)) })) })
  topology('t', { version: 1 }, (flow) => {
    // Reads what the schema gives, writes what it takes.
    const stream = flow.stream(transformed)
    typed(stream.map((one) => one.at)).is<KeyedStream<string, Date>>()
    flow
      .stream(orders)
      .map((order) => ({ at: order.id }))
      .to(transformed)
    // What is written may be read-only.
    flow
      .stream(orders)
      .map((order): Readonly<Omit<Order, 'tags'>> & { readonly tags: readonly string[] } => order)
      .to(topic('copy', { key: text, value: json(Order) }))
    flow
      .stream(topic('rows', { key: text, value: nullable(json(Order)) }))
      .map((row) => row?.total ?? 0)
      .to(totals)
    flow
      .stream(topic('dates', { key: text, value: structured(z.object({ at: z.date() })) }))
      .map((one) => one.at.getTime())
      .to(totals)
    flow
      .stream(topic('raw', { key: bytes, value: bytes }))
      .keyBy('size', (raw) => raw.length)
      .count('sizes')
    flow
      .stream(orders, { eventTime: (order): Timestamp => order.id, startAt: 'latest', onRefused: 'skip' })
      .to(topic('o', { key: text, value: json(Order) }))
  })
}
