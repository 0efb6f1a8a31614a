/**
 * The graph that a topology builds: nodes in the order in which they were written, so that parents always stand before children.
 * Data only; stream-builder.ts writes it, check.ts judges it, sub-topologies.ts cuts it, assemble.ts makes operators of it.
 */
import { Fault } from '../faults/fault.ts'
import type { FaultCode } from '../faults/fault.ts'
import { callSite } from './call-site.ts'
import type { AnyFormat } from './format.ts'
import { NAME_RULE } from './names.ts'
import type { RefusalPolicy, SourceShedding } from './plan.ts'
import type { TimerKind } from './processors.ts'
import type { Meta } from './records.ts'
import type { StateVersion } from './state-version.ts'
import type { Emission } from './streams.ts'
import type { TopicFormats } from './topic.ts'

// The types of values were checked by the compiler where the user called; behind the builder they are unknown.
export type ValueFunction = (value: unknown, meta: Meta<unknown>) => unknown
export type Predicate = (value: unknown, meta: Meta<unknown>) => boolean
export type Add = (total: unknown, value: unknown, meta: Meta<unknown>) => unknown
export type ResultFunction = (
  total: unknown,
  of: { readonly key: unknown; readonly window: { readonly start: number; readonly end: number } },
) => unknown

interface Placed {
  readonly id: number
  /** Call site, `file:line`. */
  readonly at: string
  readonly parents: readonly GraphNode[]
  /** Byte form of the key; undefined: no key. */
  readonly keyFormat: AnyFormat | undefined
}
interface Named {
  /** Under which state and topics are kept: the name in the code, with those of apply() in front (`order/decide`), or a former one. */
  readonly name: string
  /** The name in the code. */
  readonly title: string
}
interface Versioned {
  readonly stateVersion: StateVersion
}

export interface SourceSettings {
  readonly eventTime: ((value: unknown) => unknown) | undefined
  readonly outOfOrdernessMs: number
  readonly startAt: 'earliest' | 'latest' | number | undefined
  readonly onRefused: RefusalPolicy
  readonly aheadOfClockMsMax: number
  readonly keyBytesMax: number
  readonly headersMax: number
  readonly rateLimit: number | undefined
  readonly shed: SourceShedding | undefined
}
export interface SourceNode extends Placed {
  readonly kind: 'source'
  readonly topic: string
  readonly formats: TopicFormats
  readonly settings: SourceSettings
}
export interface StatelessNode extends Placed {
  readonly kind: 'map' | 'flat-map' | 'filter'
  readonly fn: ValueFunction
}
export interface BranchNode extends Placed {
  readonly kind: 'branch'
  /** By name; undefined: otherwise. */
  readonly arms: ReadonlyMap<string, Predicate | undefined>
}
/** One further output of a step: an arm of a branch, late records, a declared side output. */
export interface SideNode extends Placed {
  readonly kind: 'side'
  readonly side: string
}
export interface MergeNode extends Placed {
  readonly kind: 'merge'
  /** The formats that do not agree, when all inputs have keys. */
  readonly keyConflict: readonly AnyFormat[] | undefined
}
/** The end of one sub-topology and an input of another: a repartition topic. */
export interface RekeyNode extends Placed, Named {
  readonly kind: 'key-by' | 'group-by'
  readonly key: (value: unknown, key: unknown) => unknown
  readonly keyFormat: AnyFormat
  readonly partitions: number | undefined
}
export interface AggregateNode extends Placed, Named, Versioned {
  readonly kind: 'aggregate'
  readonly word: 'aggregate' | 'count' | 'reduce'
  /** Undefined: the first value is the total (reduce). */
  readonly initial: (() => unknown) | undefined
  readonly add: Add
}
/** A table of the last value of each key: of a stream, or of a topic (then null deletes). */
export interface LatestNode extends Placed, Named, Versioned {
  readonly kind: 'latest'
}
export interface GroupAggregateNode extends Placed, Named, Versioned {
  readonly kind: 'group-aggregate'
  readonly initial: () => unknown
  readonly add: (total: unknown, value: unknown) => unknown
  readonly subtract: (total: unknown, value: unknown) => unknown
}
export interface WindowNode extends Placed, Named, Versioned {
  readonly kind: 'window'
  readonly shape: 'tumbling' | 'hopping'
  readonly sizeMs: number
  readonly everyMs: number
  readonly latenessMs: number
  readonly emit: Emission
  readonly initial: (() => unknown) | undefined
  readonly add: Add
  readonly result: ResultFunction | undefined
  /** Format of the key that comes in; the results of an updating window have a windowed key. */
  readonly keyIn: AnyFormat
}
export interface ProcessCell extends Versioned {
  readonly kind: 'value' | 'map' | 'list'
}
export interface ProcessNode extends Placed, Named {
  readonly kind: 'process'
  readonly cells: Readonly<Record<string, ProcessCell>>
  readonly timers: Readonly<Record<string, TimerKind>>
  readonly emits: boolean
  readonly sides: readonly string[]
  readonly onRecord: (value: unknown, context: unknown) => unknown
  readonly onTimer: Readonly<Record<string, (at: number, context: unknown) => unknown>>
}
export interface EffectNode extends Placed, Named {
  readonly kind: 'effect'
  readonly run: (value: unknown, call: unknown) => Promise<unknown>
  readonly timeoutMs: number
  readonly concurrency: number
  readonly order: 'per-key' | 'none'
}
export interface TableStepNode extends Placed {
  readonly kind: 'table-map' | 'table-filter'
  readonly fn: (value: unknown, key: unknown) => unknown
}
export interface ChangesNode extends Placed {
  readonly kind: 'table-changes'
}
export interface SinkNode extends Placed {
  readonly kind: 'sink'
  readonly topic: string
  readonly formats: TopicFormats
  readonly table: boolean
}

export type GraphNode =
  | SourceNode
  | StatelessNode
  | BranchNode
  | SideNode
  | MergeNode
  | RekeyNode
  | AggregateNode
  | LatestNode
  | GroupAggregateNode
  | WindowNode
  | ProcessNode
  | EffectNode
  | TableStepNode
  | ChangesNode
  | SinkNode
export type StatefulNode = AggregateNode | LatestNode | GroupAggregateNode | WindowNode | ProcessNode
export type NamedNode = StatefulNode | RekeyNode | EffectNode

export const isRekey = (node: GraphNode): node is RekeyNode => node.kind === 'key-by' || node.kind === 'group-by'

export function isStateful(node: GraphNode): node is StatefulNode {
  switch (node.kind) {
    case 'aggregate':
    case 'latest':
    case 'group-aggregate':
    case 'window':
    case 'process':
      return true
    default:
      return false
  }
}
export const isNamed = (node: GraphNode): node is NamedNode => isStateful(node) || isRekey(node) || node.kind === 'effect'

/** Results are rows that replace each other. */
export function isTable(node: GraphNode): boolean {
  switch (node.kind) {
    case 'aggregate':
    case 'latest':
    case 'group-aggregate':
    case 'table-map':
    case 'table-filter':
      return true
    case 'window':
      return node.emit !== 'final'
    default:
      return false
  }
}

/** What is wrong with a topology: reported all together. */
export interface Problem {
  readonly code: FaultCode
  /** What is wrong, and what to do. */
  readonly message: string
  readonly at: string
}

// Each kind of node without the fields that the graph itself gives.
type Written<N> = N extends GraphNode ? Omit<N, 'id' | 'at'> : never

export class Graph {
  readonly nodes: GraphNode[] = []
  readonly problems: Problem[] = []
  /** Name in the code → name under which the step keeps its state. */
  readonly #renamed: ReadonlyMap<string, string>
  /** Names of apply() around the step that is being written. */
  readonly #scope: string[] = []
  readonly #unfinished = new Map<object, Problem>()
  #closed = false

  constructor(renamed: ReadonlyMap<string, string> = new Map()) {
    this.#renamed = renamed
  }

  add<N extends GraphNode>(node: Written<N>, at = callSite()): N {
    if (this.#closed) {
      throw new Fault(
        'MR1020',
        'stop',
        `a step is added at ${at} after the topology was built: add all steps inside of the build function`,
        {
          place: { at },
        },
      )
    }
    // Written<N> is N but for these two fields.
    const placed = { ...node, id: this.nodes.length, at } as unknown as N
    this.nodes.push(placed)
    return placed
  }

  problem(code: FaultCode, message: string, at = callSite()): void {
    this.problems.push({ code, message, at })
  }

  /** The name with those of apply() in front. Plain JavaScript may give no name at all. */
  path(name: unknown): string {
    return [...this.#scope, this.#level(name)].join('/')
  }

  named(name: unknown): Named {
    const title = this.path(name)
    return { title, name: this.#renamed.get(title) ?? title }
  }

  /** Levels are made by apply() alone; other faults of names are found by check.ts. */
  #level(name: unknown): string {
    if (typeof name !== 'string') return ''
    if (name.includes('/')) this.problem('MR1002', `"${name}" cannot be the name of a step: ${NAME_RULE}; levels are made by apply()`)
    return name
  }

  within<R>(name: unknown, build: () => R): R {
    this.#scope.push(this.#level(name))
    try {
      return build()
    } finally {
      this.#scope.pop()
    }
  }

  /** A builder that is not a step yet (a window before its aggregation). */
  open(part: object, message: string, at: string): void {
    this.#unfinished.set(part, { code: 'MR1005', message, at })
  }

  done(part: object): void {
    this.#unfinished.delete(part)
  }

  close(): void {
    this.#closed = true
    this.problems.push(...this.#unfinished.values())
  }
}

/** Children of each node in the order in which they were written; one that reads it twice is there twice. */
export function childrenOf(nodes: readonly GraphNode[]): ReadonlyMap<GraphNode, readonly GraphNode[]> {
  const children = new Map<GraphNode, GraphNode[]>(nodes.map((node) => [node, []]))
  for (const node of nodes) for (const parent of node.parents) children.get(parent)?.push(node)
  return children
}

/** Steps whose values are those that the sub-topology has read: no step before makes others of them. `nodes`: parents stand before their children. */
export function stepsOfReadValues(nodes: readonly GraphNode[]): ReadonlySet<GraphNode> {
  const found = new Set<GraphNode>()
  const passesOn = (node: GraphNode): boolean => PASSES_VALUES_ON.has(node.kind) && found.has(node)
  for (const node of nodes) {
    if (node.parents.every((parent) => parent.kind === 'source' || isRekey(parent) || passesOn(parent))) found.add(node)
  }
  return found
}

const PASSES_VALUES_ON: ReadonlySet<GraphNode['kind']> = new Set(['filter', 'branch', 'side', 'merge'])
