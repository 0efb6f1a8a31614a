/**
 * What stands behind Stream, KeyedStream and Table: it writes nodes into the graph. The interfaces of streams.ts have checked the
 * types where the user called; here values are unknown, and only what the compiler cannot see (or plain JavaScript) is checked.
 */
import { addEffect } from './effect-spec.ts'
import type { EffectSpec } from './effect-spec.ts'
import { callSite } from './call-site.ts'
import type { AnyFormat } from './format.ts'
import { keyByShape } from './key-bytes.ts'
import type {
  Add,
  BranchNode,
  ChangesNode,
  Graph,
  GraphNode,
  GroupAggregateNode,
  LatestNode,
  Predicate,
  ProcessNode,
  ResultFunction,
} from './graph.ts'
import type { AggregateNode, RekeyNode, SideNode, SinkNode, StatelessNode, TableStepNode, ValueFunction, WindowNode } from './graph.ts'
import { windowed } from './formats.ts'
import type { Format } from './format.ts'
import { stateVersionOf, stateVersionProblem } from './state-version.ts'
import type { StateOptions, StateVersion } from './state-version.ts'
import type { Emission, Otherwise } from './streams.ts'
import { formatsOf } from './topic.ts'
import type { Topic } from './topic.ts'
import type { TimerKind } from './processors.ts'
import type { WindowKind } from './windows.ts'

type SomeTopic = Topic<unknown, unknown, never, never>
interface RekeyOptions {
  readonly key?: AnyFormat | undefined
  readonly partitions?: number | undefined
}
interface AggregateSpec extends StateOptions<unknown> {
  readonly initial: () => unknown
  readonly add: Add
  readonly result?: ResultFunction
}
interface ProcessSpec {
  readonly state?: Readonly<Record<string, { readonly cell: 'value' | 'map' | 'list'; readonly options: StateOptions<unknown> }>>
  readonly timers?: Readonly<Record<string, TimerKind>>
  readonly emits?: unknown
  readonly side?: Readonly<Record<string, unknown>>
  readonly onRecord: ProcessNode['onRecord']
  readonly onTimer?: ProcessNode['onTimer']
}

const addOne: Add = (total) => (total as number) + 1
const zero = (): number => 0

function checkedVersion(graph: Graph, what: string, options?: StateOptions<unknown>): StateVersion {
  const stateVersion = stateVersionOf(options)
  const problem = stateVersionProblem(stateVersion)
  if (problem !== undefined) graph.problem('MR1023', `"${what}": ${problem}`)
  return stateVersion
}

/** What streams and tables share. */
class Builder {
  readonly graph: Graph
  readonly node: GraphNode
  /** Further outputs by name; undefined for most steps. */
  readonly side: Readonly<Record<string, StreamBuilder>> | undefined

  constructor(graph: Graph, node: GraphNode, sides: readonly string[] = [], keyFormat = node.keyFormat) {
    this.graph = graph
    this.node = node
    if (sides.length > 0) {
      this.side = Object.fromEntries(
        sides.map((side) => [
          side,
          new StreamBuilder(graph, graph.add<SideNode>({ kind: 'side', side, parents: [node], keyFormat }, node.at)),
        ]),
      )
    }
  }

  protected keyed(word: string): AnyFormat {
    const { node, graph } = this
    if (node.keyFormat !== undefined) return node.keyFormat
    const conflict = node.kind === 'merge' ? node.keyConflict : undefined
    if (conflict === undefined) {
      graph.problem('MR1012', `${word}() needs a key, and this stream has none: put keyBy() before it`)
    } else {
      const names = conflict.map((format) => format.name).join(' and ')
      graph.problem(
        'MR1011',
        `${word}() reads a merge of keys in different formats (${names}), equal keys would differ: put keyBy() before it, or use one format`,
      )
    }
    return keyByShape
  }

  protected rekey(kind: RekeyNode['kind'], name: string, key: RekeyNode['key'], options: RekeyOptions = {}): RekeyNode {
    const { graph } = this
    this.mustBeFunction(key, kind === 'key-by' ? 'keyBy' : 'groupBy')
    const { partitions } = options
    if (partitions !== undefined && (!Number.isInteger(partitions) || partitions < 1)) {
      graph.problem('MR1010', `partitions: ${partitions} of "${graph.path(name)}" must be a whole number from 1`)
    }
    if (options.key?.open !== undefined || options.key?.prepareDecode !== undefined) {
      graph.problem(
        'MR1022',
        `the key format ${options.key.name} of "${graph.path(name)}" asks a registry, and repartition topics are read by this topology alone: leave it out, or use text, int64 or bytes`,
      )
    }
    return graph.add<RekeyNode>({
      kind,
      ...graph.named(name),
      key,
      parents: [this.node],
      keyFormat: options.key ?? keyByShape,
      partitions,
    })
  }

  protected sink(target: SomeTopic, table: boolean): void {
    const formats = formatsOf(target)
    if (formats === undefined) {
      this.graph.problem('MR1021', 'to() needs a topic made by topic(name, { key, value })')
      return
    }
    const node = this.graph.add<SinkNode>({
      kind: 'sink',
      topic: target.topic,
      formats,
      table,
      parents: [this.node],
      keyFormat: this.node.keyFormat,
    })
    if (node.keyFormat === undefined && formats.key.acceptsNull !== true) {
      this.keyed(`to(${target.topic})`)
    }
  }

  protected stateVersion(name: string, options?: StateOptions<unknown>): StateVersion {
    return checkedVersion(this.graph, this.graph.path(name), options)
  }

  protected mustBeFunction(value: unknown, word: string): void {
    if (typeof value !== 'function')
      this.graph.problem('MR1021', `${word}() needs a function, and was given ${value === null ? 'null' : typeof value}`)
  }
}

export class StreamBuilder extends Builder {
  map(fn: ValueFunction): StreamBuilder {
    return this.#stateless('map', fn, 'map')
  }

  filter(fn: ValueFunction): StreamBuilder {
    return this.#stateless('filter', fn, 'filter')
  }

  flatMap(fn: ValueFunction): StreamBuilder {
    return this.#stateless('flat-map', fn, 'flatMap')
  }

  #stateless(kind: StatelessNode['kind'], fn: ValueFunction, word: string): StreamBuilder {
    this.mustBeFunction(fn, word)
    return new StreamBuilder(this.graph, this.graph.add<StatelessNode>({ kind, fn, parents: [this.node], keyFormat: this.node.keyFormat }))
  }

  branch(branches: Readonly<Record<string, Predicate | Otherwise>>): Readonly<Record<string, StreamBuilder>> {
    const { graph } = this
    const rest = Object.keys(branches).filter((name) => typeof branches[name] !== 'function')
    if (rest.length > 1) {
      graph.problem('MR1006', `branch() gives "otherwise" to ${rest.join(' and ')}: all but the first would stay empty, keep one`)
    }
    const arms = new Map(
      Object.entries(branches).map(([name, predicate]) => [name, typeof predicate === 'function' ? predicate : undefined]),
    )
    const node = graph.add<BranchNode>({ kind: 'branch', arms, parents: [this.node], keyFormat: this.node.keyFormat })
    return new StreamBuilder(graph, node, [...arms.keys()]).side ?? {}
  }

  keyBy(name: string, key: (value: unknown) => unknown, options?: RekeyOptions): StreamBuilder {
    return new StreamBuilder(this.graph, this.rekey('key-by', name, key, options))
  }

  aggregate(name: string, { initial, add, ...options }: AggregateSpec): TableBuilder {
    this.mustBeFunction(initial, 'aggregate')
    this.mustBeFunction(add, 'aggregate')
    return this.#aggregate(name, 'aggregate', initial, add, options)
  }

  count(name: string): TableBuilder {
    return this.#aggregate(name, 'count', zero, addOne)
  }

  reduce(name: string, add: (total: unknown, value: unknown) => unknown, options?: StateOptions<unknown>): TableBuilder {
    this.mustBeFunction(add, 'reduce')
    // Called with two arguments, so that Math.max can be given.
    return this.#aggregate(name, 'reduce', undefined, (total, value) => add(total, value), options)
  }

  #aggregate(
    name: string,
    word: AggregateNode['word'],
    initial: AggregateNode['initial'],
    add: Add,
    options?: StateOptions<unknown>,
  ): TableBuilder {
    const { graph } = this
    const keyFormat = this.keyed(word)
    const stateVersion = this.stateVersion(name, options)
    return new TableBuilder(
      graph,
      graph.add<AggregateNode>({
        kind: 'aggregate',
        word,
        ...graph.named(name),
        initial,
        add,
        stateVersion,
        parents: [this.node],
        keyFormat,
      }),
    )
  }

  latest(name: string, options?: StateOptions<unknown>): TableBuilder {
    const { graph } = this
    const keyFormat = this.keyed('latest')
    const stateVersion = this.stateVersion(name, options)
    return new TableBuilder(
      graph,
      graph.add<LatestNode>({ kind: 'latest', ...graph.named(name), stateVersion, parents: [this.node], keyFormat }),
    )
  }

  window(
    name: string,
    windows: WindowKind,
    options: { readonly lateness?: number | undefined; readonly emit?: Emission | undefined } = {},
  ): WindowBuilder {
    return new WindowBuilder(this, name, windows, this.keyed('window'), options.lateness ?? 0, options.emit ?? 'final')
  }

  process(name: string, spec: ProcessSpec): StreamBuilder {
    const { graph } = this
    const keyFormat = this.keyed('process')
    const { state = {}, timers = {}, side = {}, onTimer = {} } = spec
    const path = graph.path(name)
    this.mustBeFunction(spec.onRecord, 'process')
    for (const timer of Object.keys(timers)) {
      if (typeof onTimer[timer] !== 'function') {
        graph.problem(
          'MR1021',
          `"${path}" declares the timer "${timer}" and has no handler for it: add onTimer: { ${timer}: (at, context) => ... }`,
        )
      }
    }
    const node = graph.add<ProcessNode>({
      kind: 'process',
      ...graph.named(name),
      cells: Object.fromEntries(
        Object.entries(state).map(([cell, { cell: kind, options }]) => [
          cell,
          { kind, stateVersion: this.stateVersion(`${name}.${cell}`, options) },
        ]),
      ),
      timers,
      emits: spec.emits !== undefined,
      sides: Object.keys(side),
      onRecord: spec.onRecord,
      onTimer,
      parents: [this.node],
      keyFormat,
    })
    return new StreamBuilder(graph, node, node.sides)
  }

  effect(name: string, spec: EffectSpec): StreamBuilder {
    const keyFormat = this.keyed('effect')
    this.mustBeFunction(spec.run, 'effect')
    return new StreamBuilder(this.graph, addEffect(this.graph, name, spec, this.node, keyFormat))
  }

  apply<R>(name: string, operator: (input: StreamBuilder) => R): R {
    return this.graph.within(name, () => operator(this))
  }

  to(target: SomeTopic): void {
    this.sink(target, false)
  }
}

/** Between window() and its aggregation. */
class WindowBuilder {
  readonly #stream: StreamBuilder
  readonly #at: string
  readonly #base: Pick<WindowNode, 'name' | 'title' | 'shape' | 'sizeMs' | 'everyMs' | 'latenessMs' | 'emit' | 'keyIn'>

  constructor(stream: StreamBuilder, name: string, windows: WindowKind, keyIn: AnyFormat, latenessMs: number, emit: Emission) {
    this.#stream = stream
    const { kind: shape, sizeMs, everyMs } = windows
    this.#base = { ...stream.graph.named(name), shape, sizeMs, everyMs, latenessMs, emit, keyIn }
    this.#at = callSite()
    stream.graph.open(this, `window("${this.#base.title}") is never aggregated: add .aggregate(), .count() or .reduce()`, this.#at)
  }

  aggregate({ initial, add, result, ...options }: AggregateSpec): Builder {
    return this.#finish(initial, add, result, options)
  }

  count(result?: ResultFunction): Builder {
    return this.#finish(zero, addOne, result)
  }

  reduce(add: (total: unknown, value: unknown) => unknown, options?: StateOptions<unknown>): Builder {
    return this.#finish(undefined, (total, value) => add(total, value), undefined, options)
  }

  #finish(initial: WindowNode['initial'], add: Add, result: ResultFunction | undefined, options?: StateOptions<unknown>): Builder {
    const { graph, node } = this.#stream
    const stateVersion = checkedVersion(graph, this.#base.title, options)
    graph.done(this)
    const { emit, keyIn } = this.#base
    // Keys of updating windows are pairs of key and window.
    const keyFormat = emit === 'final' ? keyIn : windowed(keyIn as Format<unknown>)
    const written = graph.add<WindowNode>(
      { kind: 'window', ...this.#base, stateVersion, initial, add, result, parents: [node], keyFormat },
      this.#at,
    )
    return emit === 'final' ? new StreamBuilder(graph, written, ['late'], keyIn) : new TableBuilder(graph, written, ['late'], keyIn)
  }
}

export class TableBuilder extends Builder {
  map(fn: TableStepNode['fn']): TableBuilder {
    return this.#step('table-map', fn, 'map')
  }

  filter(fn: TableStepNode['fn']): TableBuilder {
    return this.#step('table-filter', fn, 'filter')
  }

  #step(kind: TableStepNode['kind'], fn: TableStepNode['fn'], word: string): TableBuilder {
    this.mustBeFunction(fn, word)
    return new TableBuilder(this.graph, this.graph.add<TableStepNode>({ kind, fn, parents: [this.node], keyFormat: this.node.keyFormat }))
  }

  groupBy(name: string, key: RekeyNode['key'], options?: RekeyOptions): GroupedBuilder {
    return new GroupedBuilder(this.graph, this.rekey('group-by', name, key, options))
  }

  changes(): StreamBuilder {
    return new StreamBuilder(
      this.graph,
      this.graph.add<ChangesNode>({ kind: 'table-changes', parents: [this.node], keyFormat: this.node.keyFormat }),
    )
  }

  to(target: SomeTopic): void {
    this.sink(target, true)
  }
}

class GroupedBuilder extends Builder {
  aggregate(
    name: string,
    { initial, add, subtract, ...options }: Pick<GroupAggregateNode, 'initial' | 'add' | 'subtract'> & StateOptions<unknown>,
  ): TableBuilder {
    for (const fn of [initial, add, subtract]) this.mustBeFunction(fn, 'aggregate')
    const { graph, node } = this
    return new TableBuilder(
      graph,
      graph.add<GroupAggregateNode>({
        kind: 'group-aggregate',
        ...graph.named(name),
        stateVersion: this.stateVersion(name, options),
        initial,
        add,
        subtract,
        parents: [node],
        keyFormat: node.keyFormat,
      }),
    )
  }

  count(name: string): TableBuilder {
    return this.aggregate(name, { initial: zero, add: (total) => (total as number) + 1, subtract: (total) => (total as number) - 1 })
  }
}
