/** The schemas of the Avro workload; ids are places in this list, from 1. The peer has the same in Avro*.java. */
const payment = {
  type: 'record',
  name: 'AvroPayment',
  fields: [
    { name: 'amount', type: 'long' },
    { name: 'currency', type: 'string' },
    { name: 'city', type: 'string' },
    { name: 'card', type: 'string' },
    { name: 'at', type: 'long' },
  ],
}
const total = {
  type: 'record',
  name: 'AvroTotal',
  fields: [
    { name: 'sum', type: 'long' },
    { name: 'count', type: 'long' },
  ],
}

export const avroSchemas = { payment, total } as const
export const avroSchemaList: readonly object[] = [payment, total]
export const avroIdOf = (schema: object): number => avroSchemaList.indexOf(schema) + 1
