import { describe, expect, it } from '@jest/globals'
import { json, text, topic, topology, type } from 'millrace'
import type { Flow, KeyedStream, Topic } from 'millrace'
import fc from 'fast-check'
import { z } from 'zod'
import { trailerBytes } from '../../../libs/dataflow/operators/origin.ts'
import type { SubTopologyPlan, TaskHost } from '../../../libs/dataflow/plan.ts'
import { decodeStructured } from '../../../libs/dataflow/structured-codec.ts'
import { planOf } from '../../../libs/dataflow/topology.ts'
import { PlainStores } from '../../support/plain-cells.ts'

interface Click {
  readonly page: string
  readonly n: number
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const checked = topic('clicks', { key: text, value: json(z.object({ page: z.string(), n: z.number() })) })
const spaced = '{ "page": "ä",\n "n": 1.0 } '

interface Emitted {
  readonly value: Uint8Array
}

function planned(build: (flow: Flow) => void): readonly SubTopologyPlan[] {
  return planOf(topology('app', { version: 1 }, build)).subTopologies
}

/** What a stage writes for one record. */
function written(plan: SubTopologyPlan | undefined, value: Uint8Array, host: Partial<TaskHost> = {}, input = 0): readonly Emitted[] {
  const emitted: Emitted[] = []
  const program = plan?.instantiate({
    partition: 0,
    store: (step) => new PlainStores().store(step),
    partitionsOf: () => 1,
    now: () => 0,
    effect: () => undefined,
    emit: (_output, _partition, _key, bytes) => emitted.push({ value: Buffer.from(bytes ?? []) }),
    ...host,
  })
  const record = program?.read(input, 0, { offset: 5, timestamp: 0, key: Buffer.from('k'), value, headers: [] })
  if (record !== undefined) program?.process(record, -Infinity)
  return emitted
}

const textOf = (emitted: readonly Emitted[]): string[] =>
  emitted.map(({ value }) => Buffer.from(value.subarray(0, value.length - trailerBytes(value))).toString())

/** The stage before a keyBy. */
const stageOf = (
  steps: (stream: KeyedStream<string, Click>) => KeyedStream<string, unknown> = (stream) => stream,
  from: Topic<string, Click> = clicks,
): SubTopologyPlan | undefined =>
  planned((flow) =>
    steps(flow.stream(from))
      .keyBy('all', () => 'all')
      .count('count'),
  )[0]

/** Text of what goes to the next stage of the record `spaced`. */
const sent = (...stage: Parameters<typeof stageOf>): string[] => textOf(written(stageOf(...stage), Buffer.from(spaced)))

/** A filter that does what none should. */
function changes(click: Click): boolean {
  ;(click as { n: number }).n += 1
  return true
}

const again = '{"page":"ä","n":1}'

describe('a value before a keyBy', () => {
  it('goes on as the bytes that it came as where no step can have made another of it', () => {
    expect(sent((stream) => stream)).toEqual([spaced])
    expect(sent((stream) => stream.filter(() => true))).toEqual([spaced])
    expect(sent((stream) => stream.branch({ first: () => true }).first.filter(() => true))).toEqual([spaced])
  })

  it('is written anew behind a step that gives values of its own, also if only one way leads through it', () => {
    expect(sent((stream) => stream.map((click) => click))).toEqual([again])
    expect(sent((stream) => stream.flatMap((click) => [click]).filter(() => true))).toEqual([again])
    const two = planned((flow) => {
      const stream = flow.stream(clicks)
      flow
        .merge(
          stream,
          stream.map((click) => ({ ...click, n: 2 })),
        )
        .keyBy('all', () => 'all')
        .count('count')
    })
    expect(textOf(written(two[0], Buffer.from(spaced))).toSorted()).toEqual([again, '{"page":"ä","n":2}'])
  })

  it('is written anew where a schema may have made another of it', () => {
    expect(sent((stream) => stream, checked)).toEqual([again])
  })

  it('is written anew where the format is made of another one, with a decoding of its own', () => {
    const upgraded = {
      ...json(type<Click>()),
      decode: (bytes: Uint8Array): Click => ({ ...JSON.parse(Buffer.from(bytes).toString()), n: 7 }),
    }
    expect(sent((stream) => stream, topic('clicks', { key: text, value: upgraded }))).toEqual(['{"page":"ä","n":7}'])
  })

  it('is decided for each input of a merge', () => {
    const others = topic('others', { key: text, value: json(z.object({ page: z.string(), n: z.number() })) })
    const [plan] = planned((flow) =>
      flow
        .merge(flow.stream(clicks), flow.stream(others))
        .keyBy('all', () => 'all')
        .count('count'),
    )
    expect([0, 1].map((input) => textOf(written(plan, Buffer.from(spaced), {}, input)))).toEqual([[spaced], [again]])
  })

  it('is written anew as it was read when it is large: a topic that took it with its blanks must not refuse it here', () => {
    const large = Buffer.from(`{"page":"a",${' '.repeat(300_000)}"n":1}`)
    const plan = stageOf((stream) => stream.filter(changes))
    expect(textOf(written(plan, large))).toEqual(['{"page":"a","n":1}'])
  })

  it('is refused where it is deeper than any state takes, and not by the next stage', () => {
    const nested = (levels: number): Buffer => Buffer.from('['.repeat(levels) + ']'.repeat(levels))
    const plan = stageOf()
    expect(textOf(written(plan, nested(200)))).toEqual([nested(200).toString()])
    expect(() => written(plan, nested(600))).toThrow('deeper than 500 levels')
  })

  it('is as it was read, also where another step has changed it', () => {
    const [plan] = planned((flow) => {
      const stream = flow.stream(clicks)
      stream
        .map((click) => Object.assign(click, { n: 9 }))
        .keyBy('changed', () => 'all')
        .count('count-changed')
      stream.keyBy('all', () => 'all').count('count')
    })
    expect(textOf(written(plan, Buffer.from(spaced)))).toEqual(['{"page":"ä","n":9}', spaced])
  })

  it('goes through further stages as it is, with the path of its origin', () => {
    const plans = planned((flow) =>
      flow
        .stream(clicks)
        .keyBy('page', (click) => click.page)
        .keyBy('all', () => 'all')
        .count('count'),
    )
    const [first] = written(plans[0], Buffer.from(spaced))
    const second = written(plans[1], first?.value ?? new Uint8Array())
    expect(textOf(second)).toEqual([spaced])
    expect(trailerBytes(second[0]?.value ?? new Uint8Array())).toBe(trailerBytes(first?.value ?? new Uint8Array()) + 2)
  })

  it('is the same value behind the topic, whatever JSON it is', () => {
    const anything = topic('anything', { key: text, value: json(type<never>()) })
    const [plan] = planned((flow) =>
      flow
        .stream(anything)
        .keyBy('all', () => 'all')
        .count('count'),
    )
    fc.assert(
      fc.property(fc.json(), (document) => {
        const [bytes] = written(plan, Buffer.from(document))
        expect(decodeStructured(bytes?.value ?? new Uint8Array(), trailerBytes(bytes?.value ?? new Uint8Array()))).toEqual(
          JSON.parse(document),
        )
      }),
    )
  })

  it('is not changed in place: the test kit finds who does', () => {
    const plan = stageOf((stream) => stream.filter(changes))
    expect(() => written(plan, Buffer.from(spaced), { findsChangedValues: true })).toThrow('has changed a value in place')
    expect(textOf(written(plan, Buffer.from(spaced)))).toEqual([spaced])
  })
})
