/** The public face of Millrace: what topologies, topics and configurations are written with. Tests also use `millrace/testing`. */
export { days, gigabytes, hours, kilobytes, megabytes, milliseconds, minutes, seconds } from './dataflow/duration.ts'
export type { Duration, Size, Timestamp } from './dataflow/duration.ts'
export { otherwise } from './dataflow/flow.ts'
export type { Flow, Merged, SourceOptions, ValueOf } from './dataflow/flow.ts'
export type { Format } from './dataflow/format.ts'
export { bytes, int64, none, nullable, text, windowed } from './dataflow/formats.ts'
export { json, structured } from './dataflow/json-format.ts'
export type { Immutable, JsonCannotCarry, LostInJson } from './dataflow/json-format.ts'
export { RecordRefused } from './dataflow/plan.ts'
export type { RefusalPolicy } from './dataflow/plan.ts'
export { listState, mapState, valueState } from './dataflow/processors.ts'
export type {
  ListState,
  MapState,
  Nothing,
  NothingDeclared,
  OnTimer,
  OnTimers,
  OutputSpec,
  ProcessContext,
  Processor,
  StateCell,
  StateSpec,
  Timer,
  TimerKind,
  TimerSpec,
  ValueState,
} from './dataflow/processors.ts'
export type { Change, Key, Meta, SomeValue, StepsAreSynchronous, Sync, Window, Windowed } from './dataflow/records.ts'
export { type } from './dataflow/schema.ts'
export type { ReadOf, Schema, WriteOf } from './dataflow/schema.ts'
export type {
  Aggregation,
  AnyStream,
  AsyncCall,
  BranchesOf,
  EffectOptions,
  Emission,
  FinalStep,
  GroupedTable,
  KeyByOptions,
  KeyedStream,
  Late,
  Otherwise,
  Predicate,
  Processed,
  Step,
  Stream,
  StreamKeyedBy,
  Table,
  TableKeyedBy,
  UpdatingStep,
  WindowOptions,
  WindowStep,
} from './dataflow/streams.ts'
export type { StateOptions } from './dataflow/state-version.ts'
export { topic } from './dataflow/topic.ts'
export type { InputTopic, OutputTopic, Topic } from './dataflow/topic.ts'
export { topology } from './dataflow/topology.ts'
export type { Topology, TopologyOptions } from './dataflow/topology.ts'
export { hopping, tumbling } from './dataflow/windows.ts'
export type { SplittingWindows, WindowKind } from './dataflow/windows.ts'
export { Fault } from './faults/fault.ts'
export { configuration } from './runtime/settings/configuration.ts'
export type { Configuration } from './runtime/settings/configuration.ts'
