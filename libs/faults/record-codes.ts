/** Faults of records and formats (MR6xxx). Codes from MR6901 are in registry-codes.ts. */
import type { FaultEntry } from './fault.ts'

export const recordCodes: readonly FaultEntry[] = [
  {
    code: 'MR6001',
    title: 'A record cannot be used, and its source says stop',
    story:
      'A record could not be decoded, failed its schema, has no key or value, or a time that is not usable, and its source has onRefused: "stop". The task stopped before it; nothing of it was committed.',
    cure: 'Mend what writes such records and set onRefused to "dead-letter" (keeps them aside) or "skip" (counts them) to pass this one.',
    example: 'MR6001 orders-3@1042 cannot be used (schema): total: expected number, received string',
  },
  {
    code: 'MR6002',
    title: 'User code failed on a record',
    story: 'A function of the topology threw an error for this record, and the task stopped. Nothing of the record was committed.',
    cure: 'Mend the function and start again, or set onRefused of the source to "dead-letter" to set such records aside.',
    example: "MR6002 user code failed on the record orders:3:1042: Cannot read properties of undefined (reading 'city')",
  },
  {
    code: 'MR6003',
    title: 'A schema answers by a promise',
    story:
      'Records are read and written synchronously, so that a record and its state change together. A schema with asynchronous checks cannot be used. The task stopped at the first record; nothing of it was committed.',
    cure: 'Remove the asynchronous checks from the schema.',
    example: 'MR6003 a schema of zod answers by a promise, and records are read and written synchronously: remove its asynchronous checks',
  },
  {
    code: 'MR6004',
    title: 'A step gave a promise',
    story:
      'A function of a step is async (behind a cast or a type that the compiler cannot see through). The promise would be kept or written in place of its value, so the task stopped.',
    cure: 'Make the function synchronous; do the waiting outside of the topology.',
    example: 'MR6004 map() at topology.ts:17 gave a promise: steps are synchronous',
  },
]
