/**
 * One schema registry: registers and fetches schemas, with deadlines and bounded retries, and keeps what it fetched (a schema id
 * never changes its meaning). All HTTP and all knowledge of @kafkajs/confluent-schema-registry is here.
 *
 * The client's own retries are off: they cover only GET. Two of its ways are worked around: it tells "no connection" as status 400
 * (seen by the missing error text of a registry), and it changes shared defaults when a retry option is given (all are given).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { COMPATIBILITY, SchemaRegistry as Client, SchemaType } from '@kafkajs/confluent-schema-registry'
import { Fault } from '../faults/fault.ts'

/** What a subject allows a new version to change. */
export type Compatibility = keyof typeof COMPATIBILITY

export interface SchemaRegistryOptions {
  /** With its path, as in `http://localhost:8081` (Confluent) or `http://localhost:8080/apis/ccompat/v7` (Apicurio). */
  readonly url: string
  readonly auth?: { readonly username: string; readonly password: string } | undefined
  /** True (default): schemas of output topics are registered when a worker starts. False: they must be there. */
  readonly register?: boolean | undefined
  /** Set on a subject that is registered for the first time; a subject that has another level stops the worker. Default BACKWARD. */
  readonly compatibility?: Compatibility | undefined
  /** Longest wait for one answer, ms. Default 5,000. */
  readonly requestMsMax?: number | undefined
  /** How often one question is asked before the fault MR6901; pauses are 200 ms, then twice as long each time. Default 4. */
  readonly attemptsMax?: number | undefined
}

export type SchemaKind = 'AVRO' | 'PROTOBUF' | 'JSON'

/** A schema by which somebody wrote: the client's form of it, or why its records cannot be read. */
export type WriterSchema =
  { readonly kind: SchemaKind; readonly schema: unknown } | { readonly kind: 'unusable'; readonly why: string; readonly until: number }

const FIRST_PAUSE_MS = 200
/** An id that the registry does not know is asked for again after this time: its producer may have been faster than the registry. */
const UNKNOWN_MS = 10_000
/** Bounds what garbage with ever new ids can fill. */
const SCHEMAS_KEPT_MAX = 10_000

export class SchemaRegistry {
  readonly url: string
  private readonly client: Client
  private readonly options: SchemaRegistryOptions
  private readonly writers = new Map<number, WriterSchema>()
  private readonly fetching = new Map<number, Promise<void>>()

  constructor(options: SchemaRegistryOptions) {
    this.url = options.url.replace(/\/+$/, '')
    this.options = options
    const timeout = options.requestMsMax ?? 5_000
    this.client = new Client({
      host: this.url,
      ...(options.auth && { auth: options.auth }),
      retry: { retries: 0, initialRetryTimeInSecs: 0, maxRetryTimeInSecs: 0, factor: 0, multiplier: 1 },
      middlewares: [() => ({ request: (request) => request.enhance({ timeout }) })],
    })
  }

  /** The id of the schema in the subject, registered if that is allowed and needed, and the client's form of it. */
  async idOf(kind: SchemaKind, schema: string, subject: string): Promise<{ readonly id: number; readonly schema: unknown }> {
    const inSubject = inClientForm(kind, schema)
    const compatibility = COMPATIBILITY[this.options.compatibility ?? 'BACKWARD']
    const register = async (): Promise<number> => {
      if (this.options.register === false)
        throw new Fault('MR6904', 'stop', `subject ${subject} does not hold the schema, and registration is off`)
      return this.ask(async () => (await this.client.register(inSubject, { subject, compatibility })).id)
    }
    try {
      const id =
        (await this.lookUp(inSubject, subject)) ??
        (await register().catch(async (error: unknown) => {
          // Workers start together: of several first registrations of one subject the registry may refuse all but one.
          const byAnother = await this.lookUp(inSubject, subject)
          if (byAnother === undefined) throw error
          return byAnother
        }))
      const ours = { kind, schema: await this.ask(() => this.client.getSchema(id)) }
      this.writers.set(id, ours)
      return { id, schema: ours.schema }
    } catch (error) {
      throw this.registrationFault(error, subject)
    }
  }

  /** What the last `fetch` of this id brought. */
  writer(id: number): WriterSchema | undefined {
    return this.writers.get(id)
  }

  /** Whether the id must be fetched, or fetched again, before it is used. */
  isFetchDue(id: number): boolean {
    const writer = this.writers.get(id)
    return writer === undefined || (writer.kind === 'unusable' && writer.until < performance.now())
  }

  /** After it `writer(id)` answers. Rejects with a Fault (MR6901, MR6903) when the registry cannot say. */
  fetch(id: number): Promise<void> {
    const underWay = this.fetching.get(id)
    if (underWay !== undefined) return underWay
    const fetching = this.fetchWriter(id)
      .then((writer) => {
        if (this.writers.size >= SCHEMAS_KEPT_MAX) this.forgetUnusable()
        this.writers.set(id, writer)
      })
      .finally(() => this.fetching.delete(id))
    this.fetching.set(id, fetching)
    return fetching
  }

  private forgetUnusable(): void {
    for (const [id, { kind }] of this.writers) if (kind === 'unusable') this.writers.delete(id)
  }

  /** Undefined: the subject does not hold this schema. */
  private async lookUp(schema: ReturnType<typeof inClientForm>, subject: string): Promise<number | undefined> {
    try {
      return await this.ask(() => this.client.getRegistryIdBySchema(subject, schema))
    } catch (error) {
      const answer = answerIn(error)
      if (answer?.status === 404 && answer.fromRegistry) return undefined
      throw error
    }
  }

  private async fetchWriter(id: number): Promise<WriterSchema> {
    const unusable = (why: string): WriterSchema => ({ kind: 'unusable', why, until: performance.now() + UNKNOWN_MS })
    try {
      const schema = await this.ask(() => this.client.getSchema(id))
      const type = this.client.cache.getSchema(id)?.type
      if (type === SchemaType.AVRO) return { kind: 'AVRO', schema }
      if (type === SchemaType.PROTOBUF) return { kind: 'PROTOBUF', schema }
      return { kind: 'JSON', schema }
    } catch (error) {
      if (error instanceof Fault) throw error
      const answer = answerIn(error)
      if (answer === undefined) return unusable(`schema ${id} cannot be used: ${textOf(error)}`)
      if (answer.status === 404 && answer.fromRegistry) return unusable(`schema ${id} is not in the registry ${this.url}`)
      throw this.strangerFault(error, answer.status)
    }
  }

  /** Asks until there is an answer; a Fault MR6901 after the last attempt. Answers that say no are thrown as the client throws them. */
  private async ask<T>(question: () => Promise<T>): Promise<T> {
    const attemptsMax = this.options.attemptsMax ?? 4
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await question()
      } catch (error) {
        if (!isPassing(error)) throw error
        if (attempt >= attemptsMax) {
          const message = `schema registry ${this.url} does not answer (${attempt} attempts): ${textOf(error)}`
          throw new Fault('MR6901', 'retry', message, { cause: error })
        }
        await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1))
      }
    }
  }

  private registrationFault(error: unknown, subject: string): Fault {
    if (error instanceof Fault) return error
    const answer = answerIn(error)
    const cause = { cause: error }
    const text = textOf(error)
    if (answer?.status === 409) return new Fault('MR6902', 'stop', `subject ${subject} refuses the schema as incompatible: ${text}`, cause)
    if (answer?.status === 422)
      return new Fault('MR6905', 'stop', `subject ${subject}: the registry calls the schema not valid: ${text}`, cause)
    if (answer !== undefined) return this.strangerFault(error, answer.status)
    if (error instanceof Error && error.name === 'ConfluentSchemaRegistryArgumentError') {
      return new Fault('MR6905', 'stop', `subject ${subject}: the schema is not valid: ${text}`, cause)
    }
    return new Fault('MR6904', 'stop', `subject ${subject}: ${text}`, cause)
  }

  private strangerFault(error: unknown, status: number): Fault {
    const text = `schema registry ${this.url} refuses, or is no schema registry: ${textOf(error)} (status ${status})`
    return new Fault('MR6903', 'stop', text, { cause: error })
  }
}

function inClientForm(kind: SchemaKind, schema: string) {
  if (kind === 'AVRO') return { type: SchemaType.AVRO as const, schema }
  return kind === 'PROTOBUF' ? { type: SchemaType.PROTOBUF as const, schema } : { type: SchemaType.JSON as const, schema }
}

/** The HTTP answer behind an error of the client, if there was one. A look-up that finds nothing loses its status 404 in the client. */
function answerIn(error: unknown): { readonly status: number; readonly fromRegistry: boolean } | undefined {
  if (!(error instanceof Error)) return undefined
  if (error.name === 'ConfluentSchemaRegistryError') return { status: 404, fromRegistry: !error.message.includes('Error, status 404') }
  if (!('status' in error) || typeof error.status !== 'number') return undefined
  return { status: error.status, fromRegistry: !error.message.includes(`Error, status ${error.status}`) }
}

/** May be different in a moment. The client makes 400 of whatever kept a request from being answered. */
function isPassing(error: unknown): boolean {
  const answer = answerIn(error)
  if (answer === undefined) return false
  return answer.status >= 500 || answer.status === 408 || answer.status === 429 || (answer.status === 400 && !answer.fromRegistry)
}

/** Without the client's own name in front. */
const textOf = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/^Confluent_Schema_Registry - (Error, status \d+: )?/, '') : String(error)
