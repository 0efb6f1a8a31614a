/** Another key, through a repartition topic, and the sum for each of these. */
import { json, text, topic, topology, type } from 'millrace'
import { cardName, cardsCount, payments, type Payment } from '../kappa/payments.ts'
import { Totals, type Total } from '../kappa/totals.ts'
import { workload } from '../kappa/workload.ts'

export default workload({
  title: 'two stages: key by card (repartition), sum per card, 10,000 cards, 100 B JSON',
  peer: 'TwoStages',
  wanted: 1.2,
  full: { records: 800_000, keys: 100_000 },
  quick: { records: 200_000, keys: 100_000 },
  plan: (size) => {
    const totals = new Totals({ count: cardsCount, nameOf: cardName })
    return {
      records: () => payments(size, (_, { card, amount }) => totals.add(Number(card.slice(-4)), amount)),
      check: () => totals.check(),
    }
  },
  topology: ({ application, version, input, output }) =>
    topology(application, { version }, (flow) => {
      flow
        .stream(topic(input, { key: text, value: json(type<Payment>()) }))
        .keyBy('card', (payment) => payment.card)
        .aggregate('sum', {
          initial: (): Total => ({ sum: 0, count: 0 }),
          add: (total, payment) => ({ sum: total.sum + payment.amount, count: total.count + 1 }),
        })
        .to(topic(output, { key: text, value: json(type<Total>()) }))
    }),
})
