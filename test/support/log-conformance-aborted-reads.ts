/** Promises of the log port about aborted transactions in what is read: the vectors on which clients fail (kafka-client.md K1), one a case. */
import { expect } from '@jest/globals'
import type { TransactionalProducer } from '../../libs/runtime/ports/log.ts'
import { newTopic, PROMISE_TIMEOUT_MS } from './log-home.ts'
import type { HomeOf, Keep, LogHome } from './log-home.ts'
import { outgoing, readAll, ReaderProbe, values } from './log-probe.ts'

/** One partition and some owners of transactional ids, who write, commit, and abort by being opened again. */
class Writers {
  readonly topic: string
  readonly #home: LogHome
  readonly #ids = new Map<string, string>()
  readonly #open = new Map<string, TransactionalProducer>()

  constructor(home: LogHome, topic: string) {
    this.#home = home
    this.topic = topic
  }

  async send(who: string, ...texts: readonly string[]): Promise<void> {
    const producer = this.#open.get(who) ?? (await this.#reopen(who))
    await producer.send([{ topic: this.topic, partition: 0, records: texts.map((text) => outgoing(text, { key: who })) }])
  }

  async commit(who: string): Promise<void> {
    await this.#open.get(who)?.commit()
  }

  async abort(who: string): Promise<void> {
    await this.#open.get(who)?.close()
    await this.#reopen(who)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((producer) => producer.close()))
  }

  async #reopen(who: string): Promise<TransactionalProducer> {
    const id = this.#ids.get(who) ?? this.#home.uniqueName(who)
    this.#ids.set(who, id)
    const producer = await this.#home.log.openProducer(id)
    this.#open.set(who, producer)
    return producer
  }
}

export function abortedReadPromises(homeOf: HomeOf, it: Keep): void {
  const vector = (
    name: string,
    write: (writers: Writers) => Promise<void>,
    expected: readonly string[],
    more: { readonly position?: number; readonly partitionBytesMax?: number } = {},
  ): void =>
    it(
      name,
      async () => {
        const home = homeOf()
        const writers = new Writers(home, await newTopic(home))
        await write(writers)
        await home.log.append([{ topic: writers.topic, partition: 0, records: [outgoing('end')] }])
        await writers.close()
        const probe =
          more.partitionBytesMax === undefined
            ? await readAll(home.log, writers.topic, 0, more.position)
            : await readInPieces(home, writers.topic, more.partitionBytesMax)
        expect(values(probe.records)).toEqual([...expected, 'end'])
      },
      PROMISE_TIMEOUT_MS,
    )

  // a at 0, b at 1, a at 2, b at 3, abort of b at 4, a at 5, abort of a at 6.
  const overlap = async (writers: Writers): Promise<void> => {
    for (const who of ['a', 'b', 'a', 'b']) await writers.send(who, `${who} aborted`)
    await writers.abort('b')
    await writers.send('a', 'a aborted later')
    await writers.abort('a')
  }
  vector('hides two aborted transactions of which the one that began first ends last', overlap, [])
  vector('hides them when reading begins inside both', overlap, [], { position: 2 })
  vector('hides the rest of the one when reading begins at the marker of the other', overlap, [], { position: 4 })
  vector('reads from the marker of an abort on', overlap, [], { position: 6 })

  vector(
    'shows what a producer commits right behind what it aborted, and hides what it aborts right behind what it committed',
    async (writers) => {
      await writers.send('a', 'a aborted')
      await writers.abort('a')
      await writers.send('a', 'a committed')
      await writers.commit('a')
      await writers.send('a', 'a aborted again')
      await writers.abort('a')
    },
    ['a committed'],
  )
  vector(
    'shows the commit of a producer whose abort marker is the first that is read',
    async (writers) => {
      await writers.send('a', 'a aborted')
      await writers.abort('a')
      await writers.send('a', 'a committed')
      await writers.commit('a')
    },
    ['a committed'],
    { position: 1 },
  )
  vector(
    'hides an aborted transaction that is longer than many answers, and shows what others commit among it',
    async (writers) => {
      for (let round = 0; round < 12; round++) {
        await writers.send('a', ...Array.from({ length: 10 }, (_, index) => `a aborted ${round} ${index}`))
        await writers.send('b', `b ${round}`)
        await writers.commit('b')
      }
      await writers.abort('a')
    },
    Array.from({ length: 12 }, (_, round) => `b ${round}`),
    { partitionBytesMax: 400 },
  )
}

async function readInPieces({ log }: LogHome, topic: string, partitionBytesMax: number): Promise<ReaderProbe> {
  const probe = new ReaderProbe(log, topic, 0, 0, { partitionBytesMax })
  try {
    await probe.untilEnd(log)
  } finally {
    await probe.reader.close()
  }
  return probe
}
