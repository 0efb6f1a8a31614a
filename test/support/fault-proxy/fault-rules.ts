/** Which request or answer gets which fault. Pure, but for the waiting. */
import { eventually } from '../eventually.ts'
import type { Fault } from './faults.ts'
import { Held } from './faults.ts'
import type { ApiName, KafkaRequest } from './kafka-request.ts'

const HIT_WITHIN_MS = 30_000

export interface Match {
  /** Default: any. */
  readonly api?: ApiName | readonly ApiName[]
  /** Default: request. */
  readonly on?: 'request' | 'response'
  /** The first one that gets the fault, counted from when the rule was made. Default 1. */
  readonly nth?: number
  readonly clientId?: string
  readonly transactionalId?: string | RegExp
  readonly group?: string
  readonly topic?: string
  readonly broker?: number
  /** Anything else. `codes`: of the answer, where the rule is about one and the proxy can read them. */
  readonly where?: (request: KafkaRequest, codes: readonly number[] | undefined) => boolean
}

export class Rule {
  readonly match: Match
  readonly fault: Fault
  readonly #times: number
  #matched = 0
  #hits = 0
  #isOver = false

  constructor(match: Match, fault: Fault, times: number) {
    this.match = match
    this.fault = fault
    this.#times = times
  }

  /** How often the fault was applied. */
  get hits(): number {
    return this.#hits
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Waits until the fault was applied so often. */
  async untilHit(count = 1, withinMs = HIT_WITHIN_MS): Promise<void> {
    await eventually(() => {
      if (this.#hits < count) throw new Error(`${this.#hits} of ${count} times: ${this.fault.kind} at ${JSON.stringify(this.match)}`)
    }, withinMs)
  }

  /** The fault does not happen any more. What it held stays held. */
  end(): void {
    this.#isOver = true
  }

  /** Counts the event, and answers whether it gets the fault. */
  takes(on: 'request' | 'response', request: KafkaRequest, codes: readonly number[] | undefined): boolean {
    if (this.#isOver || !matches(this.match, on, request, codes)) return false
    this.#matched++
    if (this.#matched < (this.match.nth ?? 1)) return false
    this.#hits++
    if (this.#hits >= this.#times) this.#isOver = true
    return true
  }
}

function matches(match: Match, on: 'request' | 'response', request: KafkaRequest, codes: readonly number[] | undefined): boolean {
  if ((match.on ?? 'request') !== on) return false
  const { api, clientId, transactionalId, group, topic, broker, where } = match
  if (api !== undefined && (request.api === undefined || !(typeof api === 'string' ? api === request.api : api.includes(request.api))))
    return false
  if (clientId !== undefined && clientId !== request.clientId) return false
  if (broker !== undefined && broker !== request.broker) return false
  if (group !== undefined && group !== request.group) return false
  if (transactionalId !== undefined) {
    const found = request.transactionalId
    if (found === null || !(typeof transactionalId === 'string' ? transactionalId === found : transactionalId.test(found))) return false
  }
  if (topic !== undefined && !request.partitions.some((one) => one.topic === topic)) return false
  return where === undefined || where(request, codes)
}

export class FaultRules {
  #rules: Rule[] = []
  /** Also of rules that are over. */
  readonly #held = new Set<Held>()

  add(rule: Rule): Rule {
    this.#rules.push(rule)
    if (rule.fault instanceof Held) this.#held.add(rule.fault)
    return rule
  }

  /** The fault of the first rule that takes it; rules that only watch count all and hinder none. */
  faultOf(on: 'request' | 'response', request: KafkaRequest, codes?: readonly number[]): Fault | undefined {
    let fault: Fault | undefined
    for (const rule of this.#rules) {
      if (fault !== undefined && rule.fault.kind !== 'pass') continue
      if (rule.takes(on, request, codes) && rule.fault.kind !== 'pass') fault = rule.fault
    }
    this.#rules = this.#rules.filter(({ isOver }) => !isOver)
    return fault
  }

  /** Ends all; what they hold goes on, or is lost. */
  clear(held: 'release' | 'forget'): void {
    for (const fault of this.#held) {
      // Who waits for no answer is not told that a broker is away by then.
      if (held === 'release') void fault.release().catch(() => undefined)
      else fault.forget()
    }
    this.#held.clear()
    for (const rule of this.#rules) rule.end()
    this.#rules = []
  }
}
