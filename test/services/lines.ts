/** A topic of the test kit as lines of text, as a console consumer would print it. */
import type { Topic } from 'millrace'
import type { Driver } from 'millrace/testing'

export interface Line {
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
}

const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('utf8')

/** What was written since the last time, by partition and offset. */
export async function lines<K, V, KW, VW>(application: Driver, topic: Topic<K, V, KW, VW>): Promise<Line[]> {
  const records = await application.topic(topic).readRaw()
  return records.map(({ partition, key, value }) => ({ topic: topic.topic, partition, key: text(key), value: text(value) }))
}
