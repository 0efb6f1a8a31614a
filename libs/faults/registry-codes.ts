import type { FaultEntry } from './fault.ts'

/** Faults of the formats whose schemas are in a schema registry (MR69xx). */
export const registryCodes: readonly FaultEntry[] = [
  {
    code: 'MR6901',
    title: 'The schema registry does not answer',
    story:
      'A schema had to be registered or fetched, and the registry did not answer in time, or answered that it is not able to. It was asked several times with growing pauses. No record was used or lost: the task waits and asks again. Schemas that were fetched before are kept, so records with known schemas go on.',
    cure: 'Check that the registry runs and that its URL can be reached from the worker.',
    example: 'MR6901 schema registry http://localhost:8081 does not answer (4 attempts): connect ECONNREFUSED 127.0.0.1:8081',
  },
  {
    code: 'MR6902',
    title: 'The schema registry refuses a schema as incompatible',
    story:
      'The format of an output topic has a schema that, by the compatibility level of its subject, must not follow the versions that are registered. Nothing was registered and nothing was written.',
    cure: 'Change the schema compatibly (with BACKWARD: add fields with a default, remove fields), write to a new topic, or lower the level of the subject if all readers agree.',
    example: 'MR6902 subject rides-value refuses the schema as incompatible: READER_FIELD_MISSING_DEFAULT_VALUE at /fields/2',
  },
  {
    code: 'MR6903',
    title: 'The schema registry does not let us in, or is none',
    story:
      'The registry answered that the user is unknown or has no right to the subject, or something answered that is not a schema registry. Asking again would not help, so the worker did not start, or ended; nothing was registered and no record was used.',
    cure: 'Check `auth` and `url` of schemaRegistry(), with the path (Apicurio: /apis/ccompat/v7), and the rights of the user.',
    example: 'MR6903 schema registry http://localhost:8081 refuses GET /schemas/ids/7: status 401',
  },
  {
    code: 'MR6904',
    title: 'A subject in the schema registry is not as the format expects it',
    story:
      'Either the compatibility level of the subject differs from that of the format, or registration is off and the schema is not there, or the same schema has different ids for two topics that share one format. Nothing was registered, and nothing was read or written with it.',
    cure: 'Set `compatibility` of schemaRegistry() to the level of the subject; register the schema; or make one format for each topic.',
    example: 'MR6904 subject rides-value: Compatibility does not match the configuration (BACKWARD != FULL)',
  },
  {
    code: 'MR6905',
    title: 'A schema is not valid',
    story: 'The schema given to avro(), protobuf() or jsonSchema() cannot be understood, by us or by the registry. Nothing was started.',
    cure: 'Correct the schema where the message says. A JSON schema must be of draft 7: z.toJSONSchema(schema, { target: "draft-7" }).',
    example: 'MR6905 the AVRO schema is not valid: unknown type: "strin"',
  },
]
