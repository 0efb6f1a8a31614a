/**
 * A result for each payment and a row for each account. Version 2 asks another fee for every hundredth payment, and counts those of every tenth
 * account twice: what differs between the versions is known by number.
 *
 *     payments ─ fee (ordinal within the account) ─ fees          payments ─ sum ─ sums
 */
import { json, text, topic, topology, type, valueState } from 'millrace'

const name = process.env['ENGINE_TEST_NAME'] ?? 'fees'
const version = Number(process.env['ENGINE_TEST_VERSION'] ?? 1)

export interface Payment {
  readonly id: number
  readonly amount: number
}
export interface Fee {
  readonly id: number
  /** How many payments the account has had, this one included. */
  readonly ordinal: number
  readonly fee: number
}

export const feeOf = (of: number, { id, amount }: Payment): number => amount + (of === 2 && id % 100 === 0 ? 1 : 0)
export const weightOf = (of: number, account: number): number => (of === 2 && account % 10 === 0 ? 2 : 1)

export const payments = topic(`${name}-payments`, { key: text, value: json(type<Payment>()) })
export const fees = topic(`${name}-fees`, { key: text, value: json(type<Fee>()) })
export const sums = topic(`${name}-sums`, { key: text, value: json(type<number>()) })

export default topology(name, { version }, (flow) => {
  const all = flow.stream(payments)
  all
    .process('fee', {
      state: { count: valueState<number>() },
      emits: type<Fee>(),
      onRecord: (payment, { state, emit }) => {
        const ordinal = (state.count.get() ?? 0) + 1
        state.count.set(ordinal)
        emit({ id: payment.id, ordinal, fee: feeOf(version, payment) })
      },
    })
    .to(fees)
  all
    .aggregate('sum', {
      initial: () => 0,
      add: (sum, { amount }, { key }) => sum + amount * weightOf(version, Number(key)),
    })
    .to(sums)
})
