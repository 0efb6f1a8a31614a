/** Each architecture rule is seen to fail on what it forbids and to let pass what it does not: a check that cannot fail checks nothing. */
import { describe, expect, it } from '@jest/globals'
import { layerRules } from '../../support/architecture/layers.ts'
import { purityRules } from '../../support/architecture/purity.ts'
import { shapeRules } from '../../support/architecture/shape.ts'
import { sourceFile } from '../../support/architecture/source-file.ts'

interface Sample {
  readonly path: string
  readonly text: string
  /** Lines where the rule must speak; empty: it must be silent. */
  readonly lines: readonly number[]
}

const repeat = (line: string, times: number): string => `${line}\n`.repeat(times)

const samples: Readonly<Record<string, readonly Sample[]>> = {
  'a folder of libs/ imports only the layers below it': [
    { path: 'libs/dataflow/x.ts', text: "import { a } from '../state/store.ts'", lines: [1] },
    { path: 'libs/state/x.ts', text: "import type { A } from '../runtime/task.ts'", lines: [1] },
    { path: 'libs/runtime/x.ts', text: "\n\nexport * from '../kafka/consumer.ts'", lines: [3] },
    { path: 'libs/memory/x.ts', text: "const k = await import('../kafka/consumer.ts')", lines: [1] },
    { path: 'libs/faults/x.ts', text: "type T = import('../telemetry/log.ts').Log", lines: [1] },
    { path: 'libs/testing/x.ts', text: "import { k } from '../kafka/consumer.ts'", lines: [1] },
    { path: 'libs/kafka/x.ts', text: "import { k } from '../millrace.ts'", lines: [1] },
    { path: 'libs/kafka/x.ts', text: "import { k } from 'millrace'", lines: [1] },
    { path: 'libs/novel/x.ts', text: 'export const a = 1', lines: [1] },
    {
      path: 'libs/kafka/x.ts',
      text: "import { a } from '../runtime/ports/log.ts'\nimport { b } from './b.ts'\nimport { Fault } from '../faults/fault.ts'",
      lines: [],
    },
    { path: 'libs/millrace.ts', text: "export { a } from './kafka/a.ts'", lines: [] },
    {
      path: 'libs/dataflow/x.ts',
      text: "// import { a } from '../state/store.ts'\nexport const a = \"import '../state/store.ts'\"",
      lines: [],
    },
  ],
  'kafkajs, the registry, RocksDB, pino and prom-client have one home each': [
    { path: 'libs/runtime/x.ts', text: "import { Kafka } from 'kafkajs'", lines: [1] },
    { path: 'libs/runtime/x.ts', text: "import type { Kafka } from 'kafkajs/types/index.js'", lines: [1] },
    { path: 'services/demo/x.ts', text: "import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'", lines: [1] },
    { path: 'libs/state/overlay.ts', text: "import { RocksLevel } from '@nxtedition/rocksdb'", lines: [1] },
    { path: 'libs/command/x.ts', text: "import pino from 'pino'", lines: [1] },
    { path: 'libs/command/x.ts', text: "import type { Logger } from 'pino'", lines: [] },
    { path: 'libs/kafka/x.ts', text: "import { Kafka } from 'kafkajs'", lines: [] },
    { path: 'libs/state/rocksdb-store.ts', text: "import { RocksLevel } from '@nxtedition/rocksdb'", lines: [] },
    { path: 'test/integration/x.test.ts', text: "import { Kafka } from 'kafkajs'", lines: [] },
  ],
  'services, and the tests of services, use Millrace as its users do': [
    { path: 'services/flights/topology.ts', text: "import { topology } from '../../libs/dataflow/topology.ts'", lines: [1] },
    { path: 'test/services/flights/x.test.ts', text: "import { driver } from '../../../libs/testing/driver.ts'", lines: [1] },
    {
      path: 'services/flights/topology.ts',
      text: "import { topology } from 'millrace'\nimport { z } from 'zod'\nimport { a } from './a.ts'",
      lines: [],
    },
    { path: 'test/services/flights/x.test.ts', text: "import { a } from '../../../services/flights/a.ts'", lines: [] },
    { path: 'services/demo/x.ts', text: "import { KafkaLog } from '../../libs/kafka/kafka-log.ts'", lines: [] },
    { path: 'services/demo/main.ts', text: "import { startKafka } from '../../deploy/local-kafka/start-kafka.ts'", lines: [] },
  ],
  'libs/ and services/ import nothing from tests, and libs/ nothing from deploy/': [
    { path: 'libs/kafka/x.ts', text: "import { a } from '../../test/support/a.ts'", lines: [1] },
    { path: 'libs/kafka/x.ts', text: "import { a } from '../../deploy/local-kafka/a.ts'", lines: [1] },
    { path: 'services/demo/x.ts', text: "import { a } from '../../test/support/a.ts'", lines: [1] },
    { path: 'test/unit/x.test.ts', text: "import { a } from '../support/a.ts'", lines: [] },
  ],
  'libs/ and services/ import only packages that are installed with the product': [
    { path: 'libs/kafka/x.ts', text: "import { test } from 'fast-check'", lines: [1] },
    { path: 'services/demo/x.ts', text: "import { test } from 'fast-check'", lines: [1] },
    { path: 'libs/kafka/x.ts', text: "import fs from 'node:fs'\nimport { Kafka } from 'kafkajs'", lines: [] },
  ],
  'relative imports name their file with its ending': [
    { path: 'libs/kafka/x.ts', text: "import { a } from './a'", lines: [1] },
    { path: 'libs/kafka/x.ts', text: "import { a } from './a.ts'", lines: [] },
  ],
  'libs/dataflow does not wait: no async, no await': [
    { path: 'libs/dataflow/x.ts', text: 'export async function a() {}', lines: [1] },
    { path: 'libs/dataflow/x.ts', text: 'export const a = {\n  go: async () => 1,\n}', lines: [2] },
    { path: 'libs/dataflow/x.ts', text: 'await Promise.resolve()', lines: [1] },
    { path: 'libs/dataflow/x.ts', text: 'export class F {\n  async open() { await 1 }\n  async other() {}\n}', lines: [3] },
    { path: 'libs/runtime/x.ts', text: 'export async function a() { await 1 }', lines: [] },
  ],
  'libs/dataflow takes time, randomness and identity as arguments': [
    { path: 'libs/dataflow/x.ts', text: 'export const a = Date.now()', lines: [1] },
    { path: 'libs/dataflow/x.ts', text: 'export const a = new Date() as Date', lines: [1] },
    { path: 'libs/dataflow/x.ts', text: 'export const a = performance.now()', lines: [1] },
    { path: 'libs/dataflow/x.ts', text: '\nexport const a = process.env', lines: [2] },
    { path: 'libs/dataflow/x.ts', text: 'export const a = { process }\nexport const b = c[crypto]', lines: [1, 2] },
    {
      path: 'libs/dataflow/x.ts',
      text: 'export class A {\n  process() { return this.process() }\n}\nexport const b = { process: 1 }',
      lines: [],
    },
    { path: 'libs/dataflow/x.ts', text: 'export const a = () => setTimeout(() => 1, 1)', lines: [1] },
    { path: 'libs/dataflow/x.ts', text: 'export const a = () => [Math.random()]', lines: [1] },
    {
      path: 'libs/dataflow/x.ts',
      text: 'export const a = (x: { process(v: number): void }) => x.process(new Date(5).getTime())',
      lines: [],
    },
    { path: 'libs/runtime/x.ts', text: 'export const a = Date.now()', lines: [] },
  ],
  'libs/dataflow imports nothing of Node but bytes': [
    { path: 'libs/dataflow/x.ts', text: "import { readFileSync } from 'node:fs'", lines: [1] },
    { path: 'libs/dataflow/x.ts', text: "import { Buffer } from 'node:buffer'", lines: [] },
    { path: 'libs/state/x.ts', text: "import { readFileSync } from 'node:fs'", lines: [] },
  ],
  'no file is longer than 400 lines': [
    { path: 'libs/state/x.ts', text: repeat('export {}', 401), lines: [401] },
    { path: 'libs/state/x.ts', text: repeat('export {}', 400), lines: [] },
  ],
  'no function is as long as 70 lines': [
    { path: 'libs/state/x.ts', text: `export function a() {\n${repeat('  a()', 68)}}`, lines: [1] },
    { path: 'libs/state/x.ts', text: `\nexport const b = () => {\n${repeat('  b()', 68)}}`, lines: [2] },
    { path: 'libs/state/x.ts', text: `export class C {\n  go() {\n${repeat('    this.go()', 68)}  }\n}`, lines: [2] },
    { path: 'libs/state/x.ts', text: `export function a() {\n${repeat('  a()', 67)}}`, lines: [] },
    { path: 'libs/state/x.ts', text: `export class C {\n${repeat('  go() {}', 100)}}`, lines: [] },
    { path: 'test/unit/x.test.ts', text: `describe('x', () => {\n${repeat('  a()', 100)}})`, lines: [] },
  ],
  'files are named after one noun, in kebab-case': [
    { path: 'libs/state/RocksStore.ts', text: '', lines: [1] },
    { path: 'libs/state/utils.ts', text: '', lines: [1] },
    { path: 'libs/state/rocksdb-store.ts', text: '', lines: [] },
    { path: 'test/unit/commit.test.ts', text: '', lines: [] },
  ],
  'files of libs/, services/ and deploy/ open with a comment that says what they own': [
    { path: 'libs/state/x.ts', text: "import { a } from './a.ts'\n\nexport const b = a // b", lines: [1] },
    {
      path: 'libs/state/x.ts',
      text: "import { a } from './a.ts'\nimport {\n  b,\n} from './b.ts'\n\n/** Owns it. */\nexport const b = a",
      lines: [],
    },
    { path: 'libs/state/x.ts', text: "/** Owns it. */\nimport { a } from './a.ts'", lines: [] },
    { path: 'test/unit/x.test.ts', text: "import { a } from './a.ts'", lines: [] },
  ],
  'no any, no non-null assertion, no enum, no namespace': [
    { path: 'libs/state/x.ts', text: 'export const a: any = 1', lines: [1] },
    { path: 'test/unit/x.test.ts', text: '// é\nexport const a = b!.c', lines: [2] },
    { path: 'libs/state/x.ts', text: 'export enum E { A }', lines: [1] },
    { path: 'libs/state/x.ts', text: 'namespace N { export const a = 1 }', lines: [1] },
    { path: 'libs/state/x.ts', text: "export const any = 'any' as const // any!", lines: [] },
  ],
  'no catch without a word': [
    { path: 'libs/state/x.ts', text: 'try { a() } catch {}', lines: [1] },
    { path: 'libs/state/x.ts', text: 'a()\n  .catch(() => undefined)', lines: [2] },
    { path: 'libs/state/x.ts', text: '// Nobody waits for it.\na().catch(() => undefined)', lines: [] },
    { path: 'libs/state/x.ts', text: 'try { a() } catch {\n  // gone already\n}', lines: [] },
    { path: 'libs/state/x.ts', text: 'try { a() } catch (error) { b(error) }', lines: [] },
  ],
  'no notes left in the code, no checks switched off, no tests that do not run': [
    { path: 'libs/state/x.ts', text: '// TODO: later', lines: [1] },
    { path: 'libs/state/x.ts', text: '/**\n * FIXME\n */', lines: [2] },
    { path: 'libs/state/x.ts', text: '// eslint-disable-next-line\na()', lines: [1] },
    { path: 'libs/state/x.ts', text: 'a()\n// @ts-expect-error', lines: [2] },
    { path: 'test/unit/x.test.ts', text: "it('a', () => {})\nit.skip('b', () => {})", lines: [2] },
    { path: 'test/unit/x.test.ts', text: "xdescribe('b', () => {})", lines: [1] },
    { path: 'libs/state/x.ts', text: "export const todo = ['// TODO', `// FIXME\n// FIXME ${a} // XXX`, /.*\\/ HACK/u]", lines: [] },
  ],
  'files that only pass on what others export are entries of package.json': [
    { path: 'libs/state/index.ts', text: "export * from './a.ts'\nexport { b } from './b.ts'", lines: [1] },
    { path: 'libs/millrace.ts', text: "export * from './a.ts'", lines: [] },
    { path: 'libs/state/x.ts', text: "export { b } from './b.ts'\nexport const a = 1", lines: [] },
  ],
}

const rules = [...layerRules, ...purityRules, ...shapeRules]

describe('the architecture rules', () => {
  it('have samples, each one that must fail and one that must pass', () => {
    for (const rule of rules) {
      const own = samples[rule.name] ?? []
      expect({
        rule: rule.name,
        fails: own.some((sample) => sample.lines.length > 0),
        passes: own.some((sample) => sample.lines.length === 0),
      }).toEqual({
        rule: rule.name,
        fails: true,
        passes: true,
      })
    }
    expect(Object.keys(samples).toSorted()).toEqual(rules.map((rule) => rule.name).toSorted())
  })

  for (const rule of rules) {
    it.each(samples[rule.name] ?? [])(`${rule.name}: $path $text`, ({ path, text, lines }) => {
      const spoken = rule.check(sourceFile(path, text)).map((line) => Number(/:(\d+) /u.exec(line)?.[1]))

      expect([...new Set(spoken)]).toEqual(lines)
    })
  }
})
