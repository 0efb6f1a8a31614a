/** State of about 2 KiB for each key, many times what fits into memory: each key once in an order that no cache likes, then keys at random. */
import { json, text, topic, topology, type } from 'millrace'
import { accountName, payments, type Payment } from './payments.ts'
import { Totals, type Total } from './totals.ts'
import { workload } from './workload.ts'

interface Account extends Total {
  /** What makes the state large: a line of text for each of the last payments, made up here so that the input stays small. */
  readonly history: readonly string[]
}

const linesCount = 20
const lineLength = 100

const lineOf = (payment: Payment): string => `${payment.at} ${payment.city} ${payment.card} ${payment.amount}`.padEnd(lineLength, '.')

export default workload({
  title: 'state much larger than memory',
  peer: undefined,
  full: { records: 6_500_000, keys: 5_000_000 },
  quick: undefined,
  plan: (size) => {
    const totals = new Totals({ count: size.keys, nameOf: accountName })
    return {
      records: () => payments({ ...size, eachKey: 'first' }, (account, { amount }) => totals.add(account, amount)),
      check: () => totals.check(),
    }
  },
  topology: (names) =>
    topology(names.application, { version: names.version }, (flow) => {
      flow
        .stream(topic(names.input, { key: text, value: json(type<Payment>()) }))
        .aggregate('account', {
          initial: (): Account => ({ sum: 0, count: 0, history: [] }),
          add: (account, payment) => {
            const first = lineOf(payment)
            const history = account.count === 0 ? Array.from({ length: linesCount }, () => first) : [...account.history.slice(1), first]
            return { sum: account.sum + payment.amount, count: account.count + 1, history }
          },
        })
        .map(({ sum, count }): Total => ({ sum, count }))
        .to(topic(names.output, { key: text, value: json(type<Total>()) }))
    }),
})
