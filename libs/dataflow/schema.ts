/** Schemas of any library that speaks Standard Schema, used synchronously: operators never await. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { Fault } from '../faults/fault.ts'
import { RecordRefused } from './plan.ts'

export type Schema = StandardSchemaV1
/** What a reader gets: the schema's output. */
export type ReadOf<S extends Schema> = StandardSchemaV1.InferOutput<S>
/** What a writer must give: the schema's input. */
export type WriteOf<S extends Schema> = StandardSchemaV1.InferInput<S>

const trusting: Schema = { '~standard': { version: 1, vendor: 'millrace', validate: (value) => ({ value }) } }

/**
 * A schema that trusts: a type and no check, at no cost. `json(type<Order>())` is plain JSON; `emits: type<Alert>()` names what a
 * step emits. A value of another shape is found by nobody.
 */
// The one trusting schema stands for every type: it never looks at a value.
export const type = <T>(): StandardSchemaV1<T, T> => trusting as StandardSchemaV1<T, T>

export const trusts = (schema: Schema): boolean => schema === trusting

/** The schema's answer. Throws RecordRefused('schema') with the places and reasons, at most three of them. */
export function validated(schema: Schema, value: unknown): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    throw new Fault(
      'MR6003',
      'stop-task',
      `a schema of ${schema['~standard'].vendor} answers by a promise, and records are read and written synchronously: remove its asynchronous checks`,
    )
  }
  if (result.issues === undefined) return result.value
  throw new RecordRefused('schema', issuesAsText(result.issues))
}

/** True when the schema accepts the value; its answer does not matter. */
export function accepts(schema: Schema, value: unknown): boolean {
  const result = schema['~standard'].validate(value)
  return !(result instanceof Promise) && result.issues === undefined
}

const ISSUES_SHOWN = 3

function issuesAsText(issues: readonly StandardSchemaV1.Issue[]): string {
  const shown = issues.slice(0, ISSUES_SHOWN).map(({ message, path }) => {
    const place = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return place === '' ? message : `${place}: ${message}`
  })
  const more = issues.length - shown.length
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '')
}
