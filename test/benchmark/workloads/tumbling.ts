/** Sum and count for each key and window, given once, when the window is over. */
import { json, milliseconds, text, topic, topology, tumbling, type } from 'millrace'
import { payments, type Payment } from '../kappa/payments.ts'
import type { Total } from '../kappa/totals.ts'
import { WindowTotals, type WindowResult } from '../kappa/window-totals.ts'
import { workload } from '../kappa/workload.ts'

const windowMs = 10_000

export default workload({
  title: 'tumbling windows of 10,000 records, 1,000 keys, final results, 100 B JSON',
  peer: 'TumblingWindows',
  peerWords: { windowMs: String(windowMs) },
  full: { records: 1_000_000, keys: 1_000 },
  quick: undefined,
  plan: (size) => {
    const totals = new WindowTotals(windowMs)
    return {
      records: () => payments(size, (account, payment, partition) => totals.add(account, payment, partition)),
      check: () => totals.check(),
    }
  },
  topology: ({ application, version, input, output }) =>
    topology(application, { version }, (flow) => {
      flow
        .stream(topic(input, { key: text, value: json(type<Payment>()) }))
        .window('windows', tumbling(milliseconds(windowMs)))
        .aggregate({
          initial: (): Total => ({ sum: 0, count: 0 }),
          add: (total, payment) => ({ sum: total.sum + payment.amount, count: total.count + 1 }),
          result: (total, { window }): WindowResult => ({ start: window.start, sum: total.sum, count: total.count }),
        })
        .to(topic(output, { key: text, value: json(type<WindowResult>()) }))
    }),
})
