/**
 * What two versions have given that no single position of the input causes: finals of windows, results of timers (engine.md 6.2, holes S5,
 * S6, S8). One version may have fired what the other has not yet, when their lateness or their stages differ. Pure.
 *
 *     given by the new version   what it wrote in shadow, and what it wrote as live before
 *     in the real topic          what any version of the application wrote there
 *
 *     given, and not there  ─▶ published at the switch, as it stands in the shadow topic
 *     there, and not given  ─▶ suppressed when the new version fires it
 */
import { toKeyBytes } from '../../dataflow/cells.ts'
import { IDENTITY } from '../../dataflow/operators/current.ts'
import type { Header, LogRecord } from '../ports/log.ts'

/** Only in shadow: the task that wrote the record. */
export const TASK_HEADER = 'millrace-task'
/** Of a result that was published at a switch: its record in the shadow topic stands for the same one. */
export const HANDED_OVER_HEADER = 'millrace-handed-over'
const WRITER_HEADER = 'millrace'

export interface GivenResult {
  /** Real topic, and identity: the same for both versions. */
  readonly what: string
  readonly topic: string
  readonly partition: number
  readonly record: LogRecord
}

const headerOf = (headers: readonly Header[], name: string): Uint8Array | undefined => headers.find(([one]) => one === name)?.[1]

export const whatOf = (topic: string, identity: Uint8Array): string => `${topic} ${toKeyBytes(identity)}`

/** Undefined for a result that a position of the input has caused. */
export function givenResult(topic: string, partition: number, record: LogRecord): GivenResult | undefined {
  const identity = headerOf(record.headers, IDENTITY)
  return identity === undefined ? undefined : { what: whatOf(topic, identity), topic, partition, record }
}

/** `shop.v2/1` → `shop.v2`; undefined: not written by Millrace. */
export function writerOf(record: LogRecord): string | undefined {
  const writer = headerOf(record.headers, WRITER_HEADER)
  return writer === undefined ? undefined : Buffer.from(writer).toString('utf8').split('/')[0]
}

export function taskOf(record: LogRecord): string | undefined {
  const task = headerOf(record.headers, TASK_HEADER)
  return task === undefined ? undefined : Buffer.from(task).toString('utf8')
}

export interface Handover {
  /** In the order of the shadow topic. */
  readonly publish: readonly GivenResult[]
  /** What → how often. */
  readonly suppress: ReadonlyMap<string, number>
}

/** `next`: prefix of the version that becomes live; `application`: results of others in the real topic do not count. */
export function handoverOf(application: string, next: string, real: readonly GivenResult[], shadow: readonly GivenResult[]): Handover {
  const there = new Map<string, number>()
  const given = new Map<string, number>()
  const count = (counts: Map<string, number>, what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1)
  for (const one of real) {
    const writer = writerOf(one.record)
    if (writer?.startsWith(`${application}.v`) !== true) continue
    count(there, one.what)
    if (writer === next && headerOf(one.record.headers, HANDED_OVER_HEADER) === undefined) count(given, one.what)
  }
  for (const one of shadow) count(given, one.what)
  const missing = new Map<string, number>()
  for (const [what, times] of given) if (times > (there.get(what) ?? 0)) missing.set(what, times - (there.get(what) ?? 0))
  const suppress = new Map<string, number>()
  for (const [what, times] of there) if (times > (given.get(what) ?? 0)) suppress.set(what, times - (given.get(what) ?? 0))
  const publish: GivenResult[] = []
  for (const one of shadow.toReversed()) {
    const left = missing.get(one.what) ?? 0
    if (left === 0) continue
    missing.set(one.what, left - 1)
    publish.push(one)
  }
  return { publish: publish.toReversed(), suppress }
}

/** What is suppressed while a version is live; each as often as it was found. */
export class Suppressed {
  readonly #left: Map<string, number>

  constructor(suppress: ReadonlyMap<string, number> = new Map()) {
    this.#left = new Map(suppress)
  }

  get size(): number {
    return this.#left.size
  }

  /** True when the result is in the real topic already. */
  take(topic: string, headers: readonly Header[]): boolean {
    const identity = headerOf(headers, IDENTITY)
    if (identity === undefined) return false
    const what = whatOf(topic, identity)
    const left = this.#left.get(what)
    if (left === undefined) return false
    if (left === 1) this.#left.delete(what)
    else this.#left.set(what, left - 1)
    return true
  }
}
