/** From the nodes of a sub-topology to the operators of one task: from the ends to the entries, so that each knows the next. */
import { childrenOf, isRekey, isTable, stepsOfReadValues } from './graph.ts'
import type { AggregateNode, GraphNode, GroupAggregateNode, LatestNode, ProcessNode, RekeyNode, SinkNode, WindowNode } from './graph.ts'
import { keyByShape, keyCodecOf } from './key-bytes.ts'
import { Current } from './operators/current.ts'
import { EffectOperator } from './operators/effect.ts'
import { changeReceiverOf, NOWHERE, receiverOf, StepCount } from './operators/operator.ts'
import type { Alarm, ChangeReceiver, FlushingStep, Prefetcher, Receiver, TickingStep, TimedStep } from './operators/operator.ts'
import { GroupByOperator, KeyByOperator, RepartitionWriter, SinkOperator, TableSinkOperator } from './operators/outputs.ts'
import { ProcessOperator } from './operators/process.ts'
import { BranchOperator, FilterOperator, FlatMapOperator, MapOperator, PassOperator } from './operators/stateless.ts'
import { AggregateOperator, GroupAggregateOperator, LatestOperator } from './operators/table.ts'
import type { TableParts } from './operators/table.ts'
import { ChangesOperator, TableFilterOperator, TableMapOperator } from './operators/table-steps.ts'
import { FinalWindowOperator, UpdatingWindowOperator } from './operators/window.ts'
import type { InputPlan, OutputPlan, StepCounters, TaskHost, TaskProgram } from './plan.ts'
import { outputIndex, TABLE_CELL, WINDOW_CELL } from './plan-parts.ts'
import { Program } from './program.ts'
import { ExternalReader, RepartitionReader } from './source.ts'
import type { SourceReader } from './source.ts'
import { stateCodec } from './state-version.ts'
import { tapped, tappedChange, tappedStep } from './tapped-step.ts'
import type { InputNode, SubTopology } from './sub-topologies.ts'

export interface Blueprint {
  readonly sub: SubTopology
  readonly inputs: readonly InputPlan[]
  readonly outputs: readonly OutputPlan[]
  /** Topic of each input. */
  readonly topics: readonly string[]
  readonly holds: ReadonlyMap<GraphNode, number>
}

export const assemble = (blueprint: Blueprint, host: TaskHost): TaskProgram => new Assembly(blueprint, host).program()

class Assembly {
  readonly #blueprint: Blueprint
  readonly #host: TaskHost
  readonly #children: ReadonlyMap<GraphNode, readonly GraphNode[]>
  readonly #readValues: ReadonlySet<GraphNode>
  readonly #current: Current
  readonly #alarm: Alarm = { rings: false, sets: 0 }
  readonly #receivers = new Map<GraphNode, Receiver>()
  readonly #changeReceivers = new Map<GraphNode, ChangeReceiver>()
  readonly #prefetchers = new Map<GraphNode, Prefetcher>()
  readonly #timed: TimedStep[] = []
  readonly #ticking: TickingStep[] = []
  readonly #flushing: FlushingStep[] = []
  readonly #counters: StepCounters[] = []

  constructor(blueprint: Blueprint, host: TaskHost) {
    this.#blueprint = blueprint
    this.#host = host
    // A keyBy that another sub-topology writes is no node of this one, but its readers are.
    this.#children = childrenOf([...blueprint.sub.inputs.filter(isRekey), ...blueprint.sub.nodes])
    this.#readValues = stepsOfReadValues(blueprint.sub.nodes)
    this.#current = new Current(blueprint.topics, host.partition)
  }

  program(): TaskProgram {
    const { sub } = this.#blueprint
    for (const node of sub.nodes.toReversed()) this.#add(node)
    return new Program({
      readers: sub.inputs.map((input, index) => this.#reader(input, index)),
      entries: sub.inputs.map((input) => this.#entry(input)),
      prefetchers: sub.inputs.map((input) => this.#reachedBy(input)),
      // Built from the ends.
      timed: this.#timed.toReversed(),
      ticking: this.#ticking.toReversed(),
      flushing: this.#flushing.toReversed(),
      counters: this.#counters.toReversed(),
      alarm: this.#alarm,
      current: this.#current,
    })
  }

  // ---- inputs

  #reader(input: InputNode, index: number): SourceReader {
    const plan = this.#blueprint.inputs[index]
    if (input.kind !== 'source' || plan?.kind !== 'external') return new RepartitionReader(input.keyFormat ?? keyByShape)
    const tombstones = this.#childrenOf(input).some((child) => child.kind === 'latest')
    return new ExternalReader({ plan, eventTime: input.settings.eventTime, tombstones, now: () => this.#host.now() })
  }

  /** A record without a value is for tables only, unless the format has null as a value. */
  #entry(input: InputNode): Receiver {
    const children = this.#childrenOf(input)
    const tables = children.filter((child) => child.kind === 'latest')
    const all = this.#next(input)
    if (input.kind !== 'source' || tables.length === 0 || tables.length === children.length) return all
    if (input.formats.value.acceptsNull === true) return all
    const onlyTables = receiverOf(tables.map((table) => this.#receiver(table)))
    return { push: (value, current) => (value === null ? onlyTables : all).push(value, current) }
  }

  /** Steps with state that a record of the input may reach with its own key. */
  #reachedBy(input: InputNode): readonly Prefetcher[] {
    const found = new Set<Prefetcher>()
    const visit = (node: GraphNode): void => {
      const own = this.#prefetchers.get(node)
      if (own !== undefined) found.add(own)
      if (isRekey(node) || isTable(node)) return
      for (const child of this.#childrenOf(node)) if (node.kind !== 'window' || child.kind === 'side') visit(child)
    }
    for (const child of this.#childrenOf(input)) visit(child)
    return [...found]
  }

  // ---- what comes next

  #childrenOf(node: GraphNode): readonly GraphNode[] {
    return this.#children.get(node) ?? []
  }

  #receiver(node: GraphNode): Receiver {
    return this.#receivers.get(node) ?? NOWHERE
  }

  #next(node: GraphNode): Receiver {
    return this.#watched(
      node,
      receiverOf(
        this.#childrenOf(node)
          .filter((child) => child.kind !== 'side')
          .map((child) => this.#receiver(child)),
      ),
    )
  }

  #watched(node: GraphNode, next: Receiver): Receiver {
    const { tap } = this.#host
    return tap === undefined ? next : tapped(tappedStep(node), tap, next)
  }

  #nextChange(node: GraphNode): ChangeReceiver {
    const { tap } = this.#host
    const next = changeReceiverOf(
      this.#childrenOf(node)
        .filter((child) => child.kind !== 'side')
        .map((child) => this.#changeReceivers.get(child) ?? NOWHERE),
    )
    return tap === undefined ? next : tappedChange(tappedStep(node), tap, next)
  }

  #side(node: GraphNode, name: string): Receiver {
    const side = this.#childrenOf(node).find((child) => child.kind === 'side' && child.side === name)
    return side === undefined ? this.#watched(node, NOWHERE) : this.#next(side)
  }

  /** Some step down the line asks what a row was before. */
  #wantsBefore(node: GraphNode): boolean {
    return this.#childrenOf(node).some((child) => {
      switch (child.kind) {
        case 'table-filter':
        case 'table-changes':
        case 'group-by':
          return true
        case 'table-map':
          return this.#wantsBefore(child)
        default:
          return false
      }
    })
  }

  #count(step: string): StepCount {
    const count = new StepCount(step)
    this.#counters.push(count)
    return count
  }

  // ---- one operator for each node

  #add(node: GraphNode): void {
    switch (node.kind) {
      case 'source':
        return
      case 'map':
        this.#receivers.set(node, new MapOperator(node.fn, this.#next(node), node.at))
        return
      case 'filter':
        this.#receivers.set(node, new FilterOperator(node.fn, this.#next(node), node.at))
        return
      case 'flat-map':
        this.#receivers.set(node, new FlatMapOperator(node.fn, this.#next(node)))
        return
      case 'branch': {
        const arms = [...node.arms].map(([name, accepts]) => ({ accepts, next: this.#side(node, name) }))
        this.#receivers.set(node, new BranchOperator(arms))
        return
      }
      case 'side':
        return
      case 'merge':
        this.#receivers.set(node, new PassOperator(this.#next(node)))
        return
      case 'key-by':
        // Written by keyBy(), whose function takes the value only.
        this.#receivers.set(
          node,
          new KeyByOperator(
            node.key as (value: unknown) => unknown,
            this.#repartition(node, this.#readValues.has(node)),
            this.#count(node.title),
          ),
        )
        return
      case 'group-by':
        this.#changeReceivers.set(node, new GroupByOperator(node.key, this.#repartition(node, false), this.#count(node.title)))
        return
      case 'table-map':
        this.#changeReceivers.set(node, new TableMapOperator(node.fn, this.#nextChange(node), node.at))
        return
      case 'table-filter':
        this.#changeReceivers.set(node, new TableFilterOperator(node.fn, this.#nextChange(node)))
        return
      case 'table-changes':
        this.#changeReceivers.set(node, new ChangesOperator(this.#next(node)))
        return
      case 'sink':
        this.#addSink(node)
        return
      case 'aggregate':
        this.#addTable(node, new AggregateOperator(this.#tableParts(node), node.initial, node.add))
        return
      case 'latest':
        this.#addTable(node, new LatestOperator(this.#tableParts(node)))
        return
      case 'group-aggregate':
        this.#addTable(node, new GroupAggregateOperator(this.#tableParts(node), node.initial, node.add, node.subtract))
        return
      case 'window':
        this.#addWindow(node)
        return
      case 'process':
        this.#addProcess(node)
        return
      case 'effect':
        this.#receivers.set(node, new EffectOperator(node, this.#host, this.#next(node), this.#count(node.name)))
    }
  }

  #repartition(node: RekeyNode, valuesAreAsRead: boolean): RepartitionWriter {
    return new RepartitionWriter(this.#host, outputIndex(this.#blueprint.outputs, node), node.keyFormat, valuesAreAsRead)
  }

  #addSink(node: SinkNode): void {
    const parts = {
      host: this.#host,
      output: outputIndex(this.#blueprint.outputs, node),
      topic: node.topic,
      keyFormat: node.formats.key,
      valueFormat: node.formats.value,
      streamKey: node.keyFormat,
      // No step can be called so.
      counters: this.#count(`to:${node.topic}`),
    }
    if (node.table) this.#changeReceivers.set(node, new TableSinkOperator(parts))
    else this.#receivers.set(node, new SinkOperator(parts))
  }

  #tableParts(node: AggregateNode | LatestNode | GroupAggregateNode): TableParts {
    return {
      rows: this.#host.store(node.name).value(TABLE_CELL, stateCodec(node.stateVersion)),
      next: this.#nextChange(node),
      wantsBefore: this.#wantsBefore(node),
      current: this.#current,
      counters: this.#count(node.title),
    }
  }

  #addTable(node: GraphNode, operator: Receiver & FlushingStep & Prefetcher): void {
    this.#receivers.set(node, operator)
    this.#flushing.push(operator)
    this.#prefetchers.set(node, operator)
  }

  #addWindow(node: WindowNode): void {
    const parts = {
      node,
      open: this.#host.store(node.name).timed(WINDOW_CELL, stateCodec(node.stateVersion)),
      keys: keyCodecOf(node.keyIn),
      late: this.#side(node, 'late'),
      holdMs: this.#blueprint.holds.get(node) ?? 0,
      current: this.#current,
      counters: this.#count(node.title),
    }
    if (node.emit === 'final') {
      const operator = new FinalWindowOperator(parts, this.#next(node))
      this.#addTimed(node, operator)
    } else {
      const operator = new UpdatingWindowOperator(parts, this.#nextChange(node), this.#wantsBefore(node))
      this.#addTimed(node, operator)
      this.#flushing.push(operator)
    }
  }

  #addTimed(node: GraphNode, operator: Receiver & TimedStep & Prefetcher): void {
    this.#receivers.set(node, operator)
    this.#timed.push(operator)
    this.#prefetchers.set(node, operator)
  }

  #addProcess(node: ProcessNode): void {
    const operator = new ProcessOperator({
      node,
      host: this.#host,
      keys: keyCodecOf(node.keyFormat ?? keyByShape),
      next: this.#next(node),
      sides: new Map(node.sides.map((side) => [side, this.#side(node, side)])),
      alarm: this.#alarm,
      holdMs: this.#blueprint.holds.get(node) ?? 0,
      current: this.#current,
      counters: this.#count(node.title),
    })
    this.#receivers.set(node, operator)
    this.#prefetchers.set(node, operator)
    // Also without timers: handlers may ask for the watermark.
    this.#timed.push(operator)
    if (Object.values(node.timers).includes('processing-time')) this.#ticking.push(operator)
  }
}
