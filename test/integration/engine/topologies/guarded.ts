/** The sum of the amounts of each account, of input that may be anything; what happens to garbage is said by ENGINE_TEST_POLICY. */
import { json, text, topic, topology, type, valueState } from 'millrace'
import { z } from 'zod'

const name = process.env['ENGINE_TEST_NAME'] ?? 'guarded'
const policies = ['dead-letter', 'skip', 'stop'] as const
const onRefused = policies.find((policy) => policy === process.env['ENGINE_TEST_POLICY'])

/** The user code below fails on it. */
export const UNLUCKY = 13

export const payments = topic(`${name}-payments`, { key: text, value: json(z.object({ amount: z.number() })) })
export const sums = topic(`${name}-sums`, { key: text, value: json(type<number>()) })

export default topology(name, { version: 1 }, (flow) => {
  flow
    .stream(payments, onRefused === undefined ? {} : { onRefused })
    .process('sum', {
      state: { sum: valueState<number>() },
      emits: type<number>(),
      onRecord: ({ amount }, { state, emit }) => {
        const sum = (state.sum.get() ?? 0) + amount
        state.sum.set(sum)
        emit(sum)
        if (amount === UNLUCKY) throw new Error('thirteen is unlucky')
      },
    })
    .to(sums)
})
