/** What tests of resets share: who dies where, what is in a topic by epoch. For the applications of hole-topologies.ts. */
import type { ProbePoint } from '../../libs/runtime/task/commit.ts'
import { clicks } from './hole-topologies.ts'
import type { MemoryApplication, Seat } from './memory-application.ts'

export const commitPoints: readonly ProbePoint[] = [
  'before-send',
  'after-send',
  'before-end-of-transaction',
  'after-end-of-transaction',
  'after-store-write',
]
export const announceSteps: readonly ProbePoint[] = [
  'announce:control-taken',
  'announce:tasks-fenced',
  'announce:facts-read',
  'announce:sent',
  'announce:done',
]

/** What each record of a topic says of the epoch that it was written in, with its content. */
export async function byEpoch(app: MemoryApplication, topic: string): Promise<Record<string, unknown[]>> {
  const found: Record<string, unknown[]> = {}
  const texts = await app.readText(topic)
  for (const [index, record] of (await app.read(topic)).entries()) {
    const header = record.headers.find(([name]) => name === 'millrace')?.[1] ?? Buffer.alloc(0)
    const epoch = Buffer.from(header).toString('utf8').split('/')[1] ?? 'none'
    ;(found[epoch] ??= []).push(texts[index])
  }
  return found
}

export const epochsOf = (app: MemoryApplication): readonly number[] =>
  [...new Set(app.tasks().map((task) => task.held?.ledger.record.epoch ?? 0))].toSorted((a, b) => a - b)

export async function dies(app: MemoryApplication, home: Seat['home'], at: ProbePoint, nth = 1): Promise<void> {
  const { seat, ready } = app.launch({ home, dies: { at, nth } })
  // It may die before it has started.
  ready.catch((error: unknown) => seat.notes.push({ level: 'debug', message: String(error) }))
  await app.until(() => seat.killed, `a worker dies at ${at}`)
}

/** `count` clicks of ann on '/' and one of bob on '/b', in each of two partitions. */
export async function fill(app: MemoryApplication, partitions: readonly number[], count = 3): Promise<void> {
  for (const partition of partitions) {
    for (let n = 0; n < count; n += 1) await app.send(clicks.topic, `ann-${partition}`, { page: '/', at: 0 }, { partition })
    await app.send(clicks.topic, `bob-${partition}`, { page: '/b', at: 0 }, { partition })
  }
}
