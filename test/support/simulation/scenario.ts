/** What a simulation runs: a topology, where its records come from, and what plain loops make of the same input. */
import type { Topology } from '../../../libs/dataflow/topology.ts'
import type { Dice } from './dice.ts'

/** A record to be sent. */
export interface Draft {
  readonly partition: number
  readonly key: string
  readonly value: string | null
}

/** A committed record of the input, as it stood in the log. */
export interface Received extends Draft {
  readonly offset: number
}

/** Partition → its committed records, in order. */
export type History = readonly (readonly Received[])[]

/** A record of an output. */
export interface Written {
  readonly partition: number
  readonly key: string
  readonly value: unknown
}

/** What must be equal, by name. */
export type Facts = Readonly<Record<string, unknown>>

/** What a scenario may look at when all is over. */
export interface Outcome {
  /** Partition after partition. */
  output(topic: string): readonly Written[]
  readonly deadLetters: number
  readonly counts: { readonly filtered: number; readonly late: number; readonly dropped: number }
}

export interface Scenario {
  readonly name: string
  readonly topology: Topology
  readonly input: string
  /** The `n`-th record. */
  draft(dice: Dice, n: number, partitions: number): Draft
  /** The last records: behind them every window and timer that could fire has fired. */
  closing(partitions: number, history: History): readonly Draft[]
  expected(history: History): Facts
  found(outcome: Outcome): Facts
}

/** 2026-01-01, the first moment of event time, ms. */
export const EVENT_TIME_START = Date.UTC(2026, 0, 1)
export const GARBAGE = 'no json'

/** Undefined for what is no JSON. */
export function parsed<T>(value: string | null): T | undefined {
  // Drafts are written by the scenario that reads them.
  return value === null || value === GARBAGE ? undefined : (JSON.parse(value) as T)
}

/** Event time moves on from record to record, with disorder and a straggler now and then. */
export const drawEventTime = (dice: Dice, n: number): number =>
  EVENT_TIME_START + n * 4_000 + dice.below(30_000) - (dice.chance(0.1) ? dice.below(200_000) : 0)
