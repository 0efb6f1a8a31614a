/** Sum per key as in sum-100k, with Avro and a schema registry in place of JSON. */
import avsc, { type Schema } from 'avsc'
import { text, topic, topology, type } from 'millrace'
import { avro, schemaRegistry } from 'millrace/registry'
import { avroIdOf, avroSchemas } from '../kappa/avro-schemas.ts'
import { accountName, payments, type Payment } from '../kappa/payments.ts'
import { Totals, type Total } from '../kappa/totals.ts'
import { workload } from '../kappa/workload.ts'

const paymentType = avsc.Type.forSchema(avroSchemas.payment as Schema)
const totalType = avsc.Type.forSchema(avroSchemas.total as Schema)
/** Magic byte 0 and the id of the schema stand before the value. */
const frameBytes = 5

function framed(payment: Payment): Buffer {
  const frame = Buffer.alloc(frameBytes)
  frame.writeUInt32BE(avroIdOf(avroSchemas.payment), 1)
  return Buffer.concat([frame, paymentType.toBuffer(payment)])
}

export default workload({
  title: 'sum per key, 100,000 keys, Avro with a schema registry',
  peer: 'AvroSum',
  full: { records: 1_000_000, keys: 100_000 },
  quick: undefined,
  plan: (size) => {
    const totals = new Totals({ count: size.keys, nameOf: accountName })
    return {
      records: () => payments({ ...size, encode: framed }, (account, { amount }) => totals.add(account, amount)),
      // Written by the schema, or it throws.
      check: () => totals.check((value) => totalType.fromBuffer(value.subarray(frameBytes)) as Total),
    }
  },
  topology: ({ application, version, input, output }) => {
    const registry = schemaRegistry({ url: process.env['BENCH_REGISTRY'] ?? 'http://127.0.0.1:8081' })
    return topology(application, { version }, (flow) => {
      flow
        .stream(topic(input, { key: text, value: avro({ registry, schema: avroSchemas.payment, value: type<Payment>() }) }))
        .aggregate('sum', {
          initial: (): Total => ({ sum: 0, count: 0 }),
          add: (total, payment) => ({ sum: total.sum + payment.amount, count: total.count + 1 }),
        })
        .to(topic(output, { key: text, value: avro({ registry, schema: avroSchemas.total, value: type<Total>() }) }))
    })
  },
})
