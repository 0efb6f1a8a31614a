/** Sum and count for each text key, the workload that most measurements vary. */
import { json, text, topic, topology, type } from 'millrace'
import { accountName, payments, type Payment, type PaymentOptions } from './payments.ts'
import { Totals, type Total } from './totals.ts'
import { workload, type Workload } from './workload.ts'

type Given = Pick<Workload, 'title' | 'full' | 'quick'> & Partial<Pick<Workload, 'threads' | 'roundsMax' | 'wanted'>>

export const sumWorkload = (given: Given, input: Partial<PaymentOptions> = {}): Workload =>
  workload({
    peer: 'Sum',
    ...given,
    plan: (size) => {
      const totals = new Totals({ count: size.keys, nameOf: accountName })
      return {
        records: () => payments({ ...input, ...size }, (account, { amount }) => totals.add(account, amount)),
        check: () => totals.check(),
      }
    },
    topology: (names) =>
      topology(names.application, { version: names.version }, (flow) => {
        flow
          .stream(topic(names.input, { key: text, value: json(type<Payment>()) }))
          .aggregate('sum', {
            initial: (): Total => ({ sum: 0, count: 0 }),
            add: (total, payment) => ({ sum: total.sum + payment.amount, count: total.count + 1 }),
          })
          .to(topic(names.output, { key: text, value: json(type<Total>()) }))
      }),
  })
