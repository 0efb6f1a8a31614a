/** Half of the records, each made into another one; no state. */
import { json, text, topic, topology, type } from 'millrace'
import { accountName, payments, type Payment } from '../kappa/payments.ts'
import { Tally } from '../kappa/totals.ts'
import { workload } from '../kappa/workload.ts'

interface Charge {
  readonly cents: number
  readonly card: string
  readonly at: number
}

const amountMin = 50_000

export default workload({
  title: 'filter and map, no state, 100 B JSON',
  peer: 'StatelessMap',
  full: { records: 2_000_000, keys: 100_000 },
  quick: { records: 300_000, keys: 100_000 },
  plan: (size) => {
    const tally = new Tally({ count: size.keys, nameOf: accountName })
    return {
      records: () =>
        payments(size, (account, { amount }) => {
          if (amount >= amountMin) tally.add(account, amount)
        }),
      check: () => tally.check((value) => (JSON.parse(value.toString()) as Partial<Charge>).cents ?? Number.NaN),
    }
  },
  topology: ({ application, version, input, output }) =>
    topology(application, { version }, (flow) => {
      flow
        .stream(topic(input, { key: text, value: json(type<Payment>()) }))
        .filter((payment) => payment.amount >= amountMin)
        .map((payment): Charge => ({ cents: payment.amount, card: payment.card, at: payment.at }))
        .to(topic(output, { key: text, value: json(type<Charge>()) }))
    }),
})
