/**
 * Where two runs of one topology over one input part. Pure.
 *
 * Runs in the same order must give the same events one by one: the first that differs shows the step. A run in another order must give each
 * step the same results, in whatever order: what differs depends on the order of arrival.
 */
import type { TappedStep } from '../../dataflow/plan.ts'
import { isInput, placeText } from './trace.ts'
import type { TaskTrace, Trace, TracedEvent } from './trace.ts'

export interface StepDifference {
  readonly step: string
  /** `file:line` in the user's code; '' for ends. */
  readonly at: string
  readonly task: string
  /** Place of the record in hand; undefined: fired by time or given at a commit. */
  readonly record: string | undefined
  readonly key: string
  readonly what: 'another value' | 'another key' | 'another timestamp' | 'only in one run' | 'fails in one run only'
  readonly one: string
  readonly other: string
}

/** The first difference of each task, of the first stage that has any: what comes behind follows from it. */
export function firstDifferences(one: Trace, other: Trace): StepDifference[] {
  const found = [...new Set([...one.tasks.keys(), ...other.tasks.keys()])].flatMap((name) => {
    const [a, b] = [one.tasks.get(name), other.tasks.get(name)]
    const known = a ?? b
    const difference = failureDifference(a, b) ?? firstDifference(name, a?.events ?? [], b?.events ?? [])
    return known === undefined || difference === undefined ? [] : [{ stage: known.stage, difference }]
  })
  const first = Math.min(...found.map(({ stage }) => stage))
  return found.filter(({ stage }) => stage === first).map(({ difference }) => difference)
}

function failureDifference(one: TaskTrace | undefined, other: TaskTrace | undefined): StepDifference | undefined {
  for (const [here, there] of [
    [one, other],
    [other, one],
  ]) {
    for (const [record, message] of here?.failed ?? []) {
      if (there?.failed.has(record)) continue
      const [a, b] = here === one ? [message, ''] : ['', message]
      return { step: 'user code', at: '', task: here?.name ?? '', record, key: '', what: 'fails in one run only', one: a, other: b }
    }
  }
  return undefined
}

function firstDifference(task: string, one: readonly TracedEvent[], other: readonly TracedEvent[]): StepDifference | undefined {
  const length = Math.max(one.length, other.length)
  let inHand: TracedEvent | undefined
  for (let index = 0; index < length; index += 1) {
    const [a, b] = [one[index], other[index]]
    if (a !== undefined && b !== undefined && isSame(a, b)) {
      if (isInput(a.step)) inHand = a
      continue
    }
    return described(task, a, b, inHand)
  }
  return undefined
}

const isSame = (one: TracedEvent, other: TracedEvent): boolean =>
  one.step.id === other.step.id &&
  one.value === other.value &&
  one.key === other.key &&
  one.timestamp === other.timestamp &&
  isSamePlace(one, other)

const isSamePlace = ({ cause: one }: TracedEvent, { cause: other }: TracedEvent): boolean =>
  one === other || (one?.offset === other?.offset && one?.partition === other?.partition && one?.topic === other?.topic)

function described(
  task: string,
  one: TracedEvent | undefined,
  other: TracedEvent | undefined,
  inHand: TracedEvent | undefined,
): StepDifference | undefined {
  if (one !== undefined && other !== undefined && one.step.id === other.step.id && isSamePlace(one, other)) {
    const what = one.key !== other.key ? 'another key' : one.value !== other.value ? 'another value' : 'another timestamp'
    const show = ({ key, value, timestamp }: TracedEvent): string =>
      what === 'another key' ? key : what === 'another value' ? value : String(timestamp)
    return { ...placed(task, one), what, one: show(one), other: show(other) }
  }
  const alone = lacking(one, other, inHand)
  if (alone === undefined) return undefined
  return {
    ...placed(task, alone),
    what: 'only in one run',
    one: alone === one ? alone.value : '',
    other: alone === other ? alone.value : '',
  }
}

/**
 * The result that the other run lacks. One of the record in hand comes before the next record; of two, that of the step that was written
 * first, since steps are gone through from there.
 */
function lacking(one: TracedEvent | undefined, other: TracedEvent | undefined, inHand: TracedEvent | undefined): TracedEvent | undefined {
  if (one === undefined || other === undefined) return one ?? other
  if (isInput(one.step) !== isInput(other.step)) return isInput(one.step) ? other : one
  const isOfHand = (event: TracedEvent): boolean => inHand !== undefined && event.cause !== undefined && isSamePlace(event, inHand)
  if (isOfHand(one) !== isOfHand(other)) return isOfHand(one) ? one : other
  return one.step.id <= other.step.id ? one : other
}

const placed = (task: string, { step, cause, key }: TracedEvent): Pick<StepDifference, 'step' | 'at' | 'task' | 'record' | 'key'> => ({
  step: isInput(step) ? `eventTime or format of ${step.title}` : step.title,
  at: step.at,
  task,
  record: cause === undefined ? undefined : placeText(cause),
  key,
})

// ---- another order of arrival

export interface OrderDifference {
  readonly step: string
  readonly at: string
  /** Results that one of the runs lacks. */
  readonly results: number
  readonly key: string
  readonly one: string
  readonly other: string
}

/** The first step, as they were written, whose results as a whole are others; those behind it follow from it. */
export function orderDifference(one: Trace, other: Trace, same: (one: string, other: string) => boolean): OrderDifference | undefined {
  const [a, b] = [resultsByStep(one), resultsByStep(other)]
  const steps = [...new Map([...a, ...b].map(([id, { step }]) => [id, step])).values()].toSorted((x, y) => x.id - y.id)
  for (const step of steps) {
    const difference = stepDifference(step, a.get(step.id)?.results ?? new Map(), b.get(step.id)?.results ?? new Map(), same)
    if (difference !== undefined) return difference
  }
  return undefined
}

type Results = Map<string, string[]>

function resultsByStep({ tasks }: Trace): ReadonlyMap<number, { readonly step: TappedStep; readonly results: Results }> {
  const all = new Map<number, { step: TappedStep; results: Results }>()
  for (const { events } of tasks.values())
    for (const { step, key, value } of events) {
      if (step.results === 'updates') continue
      const found = all.get(step.id) ?? { step, results: new Map<string, string[]>() }
      all.set(step.id, found)
      const before = found.results.get(key)
      if (step.results === 'rows' || before === undefined) found.results.set(key, [value])
      else before.push(value)
    }
  return all
}

/** What is left of both when each has its like taken away. The same text first: then few are left to be compared in pairs. */
function unlike(
  one: readonly string[],
  other: readonly string[],
  same: (one: string, other: string) => boolean,
): readonly [readonly string[], readonly string[]] {
  const counts = new Map<string, number>()
  for (const text of other) counts.set(text, (counts.get(text) ?? 0) + 1)
  const onlyOne = one.filter((text) => {
    const left = counts.get(text) ?? 0
    if (left > 0) counts.set(text, left - 1)
    return left === 0
  })
  const onlyOther = [...counts].flatMap(([text, left]) => Array.from({ length: left }, () => text))
  const unmatched = onlyOne.filter((text) => {
    const like = onlyOther.findIndex((candidate) => same(text, candidate))
    if (like >= 0) onlyOther.splice(like, 1)
    return like < 0
  })
  return [unmatched, onlyOther]
}

function stepDifference(
  { title, at }: TappedStep,
  one: Results,
  other: Results,
  same: (one: string, other: string) => boolean,
): OrderDifference | undefined {
  let first: Pick<OrderDifference, 'key' | 'one' | 'other'> | undefined
  let results = 0
  for (const key of new Set([...one.keys(), ...other.keys()])) {
    const [a, b] = unlike(one.get(key) ?? [], other.get(key) ?? [], same)
    if (a.length === 0 && b.length === 0) continue
    results += Math.max(a.length, b.length)
    first ??= { key, one: a[0] ?? '', other: b[0] ?? '' }
  }
  return first === undefined ? undefined : { step: title, at, results, ...first }
}
