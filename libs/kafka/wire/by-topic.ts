import type { TopicPartition } from '../../runtime/ports/log.ts'

/** Most requests list partitions under their topic: groups them, linear (kafkajs copies an array per entry). */
export function byTopic<Item extends TopicPartition>(items: readonly Item[]): [topic: string, items: Item[]][] {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(item.topic)
    if (group) group.push(item)
    else groups.set(item.topic, [item])
  }
  return [...groups]
}
