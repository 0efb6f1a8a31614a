/** Behind Flow: sources and merges. A topic that is read twice is one source; two ways of reading it are a problem. */
import type { AnyFormat } from './format.ts'
import { keyByShape } from './key-bytes.ts'
import { none, text } from './formats.ts'
import { millisOf } from './event-time.ts'
import { days } from './duration.ts'
import type { SourceOptions } from './flow.ts'
import type { Graph, LatestNode, MergeNode, SourceNode, SourceSettings } from './graph.ts'
import { stateVersionOf } from './state-version.ts'
import { StreamBuilder, TableBuilder } from './stream-builder.ts'
import { formatsOf } from './topic.ts'
import type { Topic } from './topic.ts'

type SomeTopic = Topic<unknown, unknown, never, never>

/** Defaults of a source: far above what keys and headers are for, far below what hurts. */
const KEY_BYTES_MAX = 65_536
const HEADERS_MAX = 1_000

export class FlowBuilder {
  readonly #graph: Graph
  readonly #sources = new Map<string, SourceNode>()
  readonly #tables = new Map<SourceNode, TableBuilder>()

  constructor(graph: Graph) {
    this.#graph = graph
  }

  stream(topic: SomeTopic, options?: SourceOptions<never>): StreamBuilder {
    return new StreamBuilder(this.#graph, this.#source(topic, options, 'stream'))
  }

  table(topic: SomeTopic, options?: SourceOptions<never>): TableBuilder {
    const source = this.#source(topic, options, 'table')
    let table = this.#tables.get(source)
    if (table === undefined) {
      if (source.keyFormat === undefined) {
        this.#graph.problem(
          'MR1007',
          `table() of the topic ${source.topic}, whose keys have the format none: give the topic a key format, or read it by stream()`,
        )
      }
      const keyFormat = source.keyFormat ?? keyByShape
      table = new TableBuilder(
        this.#graph,
        this.#graph.add<LatestNode>({
          kind: 'latest',
          name: source.topic,
          title: source.topic,
          stateVersion: stateVersionOf(),
          parents: [source],
          keyFormat,
        }),
      )
      this.#tables.set(source, table)
    }
    return table
  }

  merge(...streams: readonly unknown[]): StreamBuilder {
    const graph = this.#graph
    const inputs = streams.filter((stream): stream is StreamBuilder => stream instanceof StreamBuilder && stream.graph === graph)
    if (inputs.length < streams.length || inputs.length === 0) {
      graph.problem('MR1021', 'merge() takes one or more streams of this topology')
    }
    const formats = inputs.map((input) => input.node.keyFormat)
    const merged = mergedKey(formats)
    return new StreamBuilder(
      graph,
      graph.add<MergeNode>({
        kind: 'merge',
        parents: inputs.map((input) => input.node),
        keyFormat: merged,
        keyConflict: merged === undefined ? conflictOf(formats) : undefined,
      }),
    )
  }

  #source(topic: SomeTopic, options: SourceOptions<never> = {}, word: string): SourceNode {
    const graph = this.#graph
    const formats = formatsOf(topic)
    if (formats === undefined) graph.problem('MR1021', `${word}() needs a topic made by topic(name, { key, value })`)
    const name = formats === undefined ? '?' : topic.topic
    const { key, value } = formats ?? { key: none, value: none }
    const known = this.#sources.get(name)
    const settings = this.#settings(options, name)
    if (known !== undefined) {
      if (!readsAlike(known, { key, value }, settings)) {
        graph.problem(
          'MR1008',
          `the topic ${name} is read here and at ${known.at} with other formats or options: read it once with stream() and use the stream twice, or give both the same topic value and options`,
        )
      }
      return known
    }
    const node = graph.add<SourceNode>({
      kind: 'source',
      topic: name,
      formats: { key, value },
      settings,
      parents: [],
      keyFormat: key === none ? undefined : key,
    })
    this.#sources.set(name, node)
    return node
  }

  #settings(options: SourceOptions<never>, topic: string): SourceSettings {
    const { eventTime, outOfOrderness, onRefused, aheadOfClock, keyBytesMax, headersMax, rateLimit } = options
    return {
      // Called with decoded values of the topic that the options were typed by.
      eventTime: eventTime as SourceSettings['eventTime'],
      outOfOrdernessMs: outOfOrderness ?? 0,
      startAt: this.#startAt(options.startAt, topic),
      onRefused: onRefused ?? 'dead-letter',
      aheadOfClockMsMax: aheadOfClock ?? days(1),
      keyBytesMax: keyBytesMax ?? KEY_BYTES_MAX,
      headersMax: headersMax ?? HEADERS_MAX,
      rateLimit: this.#rateLimit(rateLimit, topic),
      shed: this.#shedding(options.shed, topic),
    }
  }

  #rateLimit(rateLimit: number | undefined, topic: string): number | undefined {
    if (rateLimit === undefined || (rateLimit > 0 && Number.isFinite(rateLimit))) return rateLimit
    this.#graph.problem('MR1021', `rateLimit of the topic ${topic} is ${rateLimit}: give a number of records per second above 0`)
    return undefined
  }

  #shedding(shed: SourceOptions<never>['shed'], topic: string): SourceSettings['shed'] {
    if (shed === undefined) return undefined
    const { olderThan, keep } = shed
    if (typeof keep === 'number' && !(keep >= 0 && keep <= 1))
      this.#graph.problem('MR1021', `shed.keep of the topic ${topic} is ${keep}: give a part from 0 to 1, or a function`)
    if (!(olderThan > 0)) this.#graph.problem('MR1021', `shed.olderThan of the topic ${topic} is ${olderThan}: give a time above 0`)
    // Called with decoded values of the topic that the options were typed by.
    return { olderThanMs: olderThan, keep: keep as number | ((value: unknown) => boolean) }
  }

  #startAt(startAt: SourceOptions<never>['startAt'], topic: string): SourceSettings['startAt'] {
    if (startAt === undefined || startAt === 'earliest' || startAt === 'latest') return startAt
    try {
      return millisOf(startAt)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#graph.problem('MR1021', `startAt of the topic ${topic} cannot be used: ${why}`)
      return undefined
    }
  }
}

function readsAlike(known: SourceNode, formats: SourceNode['formats'], settings: SourceSettings): boolean {
  const before = known.settings
  return (
    known.formats.key === formats.key &&
    known.formats.value === formats.value &&
    before.eventTime === settings.eventTime &&
    before.outOfOrdernessMs === settings.outOfOrdernessMs &&
    before.startAt === settings.startAt &&
    before.onRefused === settings.onRefused &&
    before.aheadOfClockMsMax === settings.aheadOfClockMsMax &&
    before.keyBytesMax === settings.keyBytesMax &&
    before.headersMax === settings.headersMax &&
    before.rateLimit === settings.rateLimit &&
    before.shed?.olderThanMs === settings.shed?.olderThanMs &&
    before.shed?.keep === settings.shed?.keep
  )
}

/** One format for all, or undefined. Keys by shape write text as the text format does, and read it. */
function mergedKey(formats: readonly (AnyFormat | undefined)[]): AnyFormat | undefined {
  const distinct = new Set(formats)
  if (distinct.size === 1) return formats[0]
  return [...distinct].every((format) => format === text || format === keyByShape) ? keyByShape : undefined
}

function conflictOf(formats: readonly (AnyFormat | undefined)[]): readonly AnyFormat[] | undefined {
  const keyed = formats.filter((format) => format !== undefined)
  return keyed.length === formats.length && keyed.length > 1 ? [...new Set(keyed)] : undefined
}
