/** Carries a schedule out: each lane by itself, one fault after the other, and how long the outputs took to go on after each. */
import type { TestKafka } from '../support/kafka-for-tests.ts'
import type { EngineRig } from '../support/engine-rig.ts'
import { doBrokerFault } from './broker-faults.ts'
import type { Done } from './broker-faults.ts'
import type { ChaosWorker } from './fleet.ts'
import { doNetworkFault } from './network-faults.ts'
import type { BrokerFault, Lane, NetworkFault, PlannedFault, WorkerFault } from './schedule.ts'
import { brokerFaults, networkFaults } from './schedule.ts'
import type { Watch } from './watch.ts'
import { doWorkerFault } from './worker-faults.ts'

const LOOK_MS = 250
/** Longer is a finding in the report; whether it goes on at all is decided by the drain at the end. */
const RECOVERY_MS_MAX = 120_000

export interface FaultDone {
  readonly kind: PlannedFault['kind']
  readonly what: string
  readonly lastedMs: number
  /** From the end of the fault until every output partition has gone on; undefined: not within the bound, or the run was over. */
  recoveredAfterMs: number | undefined
}

export interface Field {
  readonly kafka: TestKafka
  readonly rig: EngineRig
  readonly workers: readonly ChaosWorker[]
  readonly watch: Watch
  readonly say: (text: string) => void
}

export class Lanes {
  readonly done: FaultDone[] = []
  /** Faults that could not be made, or not be healed: no fault of the engine, but the run is worth less. */
  readonly troubles: string[] = []
  readonly #field: Field
  readonly #until: number
  readonly #recoveries: Promise<void>[] = []

  constructor(field: Field, milliseconds: number) {
    this.#field = field
    this.#until = Date.now() + milliseconds
  }

  /** Resolves when the time is over and the last fault of each lane is healed. */
  async run(plan: Readonly<Record<Lane, readonly PlannedFault[]>>): Promise<void> {
    await Promise.all(Object.values(plan).map((lane) => this.#runLane(lane)))
  }

  /** Waits for what is still recovering. */
  async settle(): Promise<void> {
    await Promise.all(this.#recoveries)
  }

  async #runLane(lane: readonly PlannedFault[]): Promise<void> {
    for (const planned of lane) {
      if (Date.now() + planned.pauseMs > this.#until) return
      await pause(planned.pauseMs)
      try {
        await this.#doOne(planned)
      } catch (error) {
        this.troubles.push(`${planned.kind}: ${error instanceof Error ? error.message : String(error)}`)
        this.#field.say(`TROUBLE ${this.troubles.at(-1) ?? ''}`)
      }
    }
  }

  async #doOne(planned: PlannedFault): Promise<void> {
    const { say, watch } = this.#field
    say(`begin  ${planned.kind} for ${planned.lastsMs} ms`)
    const begun = Date.now()
    const { what, heal } = await this.#make(planned)
    say(`done   ${planned.kind}: ${what}`)
    await pause(planned.lastsMs)
    await heal()
    const healed = Date.now()
    say(`healed ${planned.kind}: ${what}`)
    const done: FaultDone = { kind: planned.kind, what, lastedMs: healed - begun, recoveredAfterMs: undefined }
    this.done.push(done)
    this.#recoveries.push(this.#recovery(done, watch.ends, healed))
  }

  #make(planned: PlannedFault): Promise<Done> {
    const { kafka, rig, workers } = this.#field
    const { kind } = planned
    if (isOf(brokerFaults, kind)) return doBrokerFault(kind satisfies BrokerFault, planned, kafka, rig)
    const worker = workers[planned.victim]
    if (worker === undefined) throw new Error(`there is no worker ${planned.victim}`)
    if (isOf(networkFaults, kind)) return doNetworkFault(kind satisfies NetworkFault, planned, worker)
    return doWorkerFault(kind satisfies WorkerFault, planned, worker, rig.directory)
  }

  async #recovery(done: FaultDone, before: readonly number[], healed: number): Promise<void> {
    while (Date.now() < this.#until && Date.now() - healed < RECOVERY_MS_MAX) {
      if (this.#field.watch.ends.every((end, partition) => end > (before[partition] ?? 0))) {
        done.recoveredAfterMs = Date.now() - healed
        return
      }
      await pause(LOOK_MS)
    }
    if (Date.now() < this.#until) this.#field.say(`SLOW   not recovered ${RECOVERY_MS_MAX} ms after ${done.kind}: ${done.what}`)
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

function isOf<Kind extends string>(kinds: readonly Kind[], kind: string): kind is Kind {
  return (kinds as readonly string[]).includes(kind)
}
