/** Topics are values: a name and its formats, written once and shared by services and tests. */
import type { AnyFormat, Format } from './format.ts'
import type { reads, writes } from './marks.ts'

/** A named topic: what is read from it, and what may be written to it. */
export interface Topic<out K, out V, in KW = K, in VW = V> {
  readonly topic: string
  readonly [reads]: { readonly key: K; readonly value: V }
  readonly [writes]: (key: KW, value: VW) => void
}
export type InputTopic<K, V> = Topic<K, V, never, never>
export type OutputTopic<K, V> = Topic<unknown, unknown, K, V>

export interface TopicFormats {
  readonly key: AnyFormat
  readonly value: AnyFormat
}

class TopicValue {
  readonly topic: string
  readonly formats: TopicFormats
  constructor(topic: string, formats: TopicFormats) {
    this.topic = topic
    this.formats = formats
  }
}

/** Names a topic of the log and the formats of its keys and values. A topic whose keys mean nothing has the key format `none`. */
export function topic<K, V, KW, VW>(
  name: string,
  formats: { readonly key: Format<K, KW>; readonly value: Format<V, VW> },
): Topic<K, V, KW, VW> {
  // The marks `reads` and `writes` are type-level only.
  return new TopicValue(name, formats) as unknown as Topic<K, V, KW, VW>
}

/** The formats of a topic made by topic(); undefined for anything else (plain JavaScript may pass anything). */
export const formatsOf = (value: unknown): TopicFormats | undefined => (value instanceof TopicValue ? value.formats : undefined)
