/**
 * What a workload is: its input, the topology that takes it, the peer that does the same in Java, and what the output must be.
 *
 * Each file in ../workloads gives one as its default export, and is a workload of the benchmark by being there; its name is that of the
 * file. It is imported by the harness, which makes the input and checks the output, and by each worker of Millrace, which runs the topology.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Topology } from '../../../libs/dataflow/topology.ts'

/** One run's names, all its own, so that each run starts from nothing. */
export interface Names {
  readonly application: string
  /** Of the topology; 1 but where versions run side by side. */
  readonly version: number
  readonly input: string
  readonly output: string
}

/** A further input of the same run, for joins; `side` is one of the workload's. The peer makes the same name. */
export const sideTopic = (input: string, side: string): string => `${input}-${side}`

export interface Size {
  readonly records: number
  readonly keys: number
}

export interface InputSize extends Size {
  readonly partitions: number
}

export interface PlannedRecord {
  /** Undefined: for the input itself. */
  readonly side?: string
  readonly partition: number
  readonly key: Buffer
  readonly value: Buffer
  readonly timestamp: number
}

/** Takes an output topic, record by record as committed, partition by partition in order, and says what is wrong in it. */
export interface OutputCheck {
  take(key: string, value: Buffer): void
  /** Every single difference; empty: the output is exactly what it must be. */
  differences(): readonly string[]
}

export interface Plan {
  /** Seeded: equal for equal sizes. To be drained before `check`, which is filled on the way. */
  records(): Generator<PlannedRecord>
  /** A fresh one for each output. */
  check(): OutputCheck
}

export interface Workload {
  /** One line for the table: what is done, to what. */
  readonly title: string
  /** Class in ../streams-peer with the same topology; undefined: Millrace alone. */
  readonly peer: string | undefined
  /** What the peer needs beside the usual words. */
  readonly peerWords?: Readonly<Record<string, string>>
  readonly full: Size
  /** Undefined: left out of `make bench-quick`. */
  readonly quick: Size | undefined
  /** Default: those of the command line. */
  readonly threads?: number
  readonly partitions?: number
  /** Inputs beside the first one, each with as many partitions. Default: none. */
  readonly sides?: readonly string[]
  /** Ratio to the peer that is wanted; default 1. */
  readonly wanted?: number
  /** Most rounds that are run, for workloads that take long. */
  readonly roundsMax?: number
  plan(size: InputSize): Plan
  topology(names: Names): Topology
}

/** Compiled away; the file of a workload is checked where it is written. */
export const workload = (one: Workload): Workload => one

const directory = join(import.meta.dirname, '../workloads')

export const workloadNames = (): readonly string[] =>
  readdirSync(directory)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort()

export async function workloadNamed(name: string): Promise<Workload> {
  // A file of that folder, checked by its own call of workload().
  const module = (await import(pathToFileURL(join(directory, `${name}.ts`)).href)) as { readonly default?: Workload }
  if (module.default === undefined) throw new Error(`test/benchmark/workloads/${name}.ts has no default export`)
  return module.default
}
