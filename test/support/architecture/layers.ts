/**
 * The direction of imports:
 *
 *   services → command → kafka | memory → runtime → state → dataflow          telemetry, faults: leaves that every layer above may use
 *                        testing (test kit) → memory, runtime, state, dataflow
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importsOf, type Import } from './imports.ts'
import { at, type Rule } from './rule.ts'
import { repositoryRoot, type SourceFile } from './source-file.ts'

/** What each folder of libs/ may import besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  faults: [],
  telemetry: ['faults'],
  dataflow: ['faults'],
  state: ['dataflow', 'faults', 'telemetry'],
  runtime: ['state', 'dataflow', 'faults', 'telemetry'],
  memory: ['runtime', 'state', 'dataflow', 'faults', 'telemetry'],
  kafka: ['runtime', 'state', 'dataflow', 'faults', 'telemetry'],
  testing: ['memory', 'runtime', 'state', 'dataflow', 'faults', 'telemetry'],
  command: ['kafka', 'memory', 'runtime', 'state', 'dataflow', 'faults', 'telemetry'],
}

/** Packages with one home. */
const homes: Readonly<Record<string, { readonly files: RegExp; readonly says: string }>> = {
  kafkajs: { files: /^libs\/kafka\//u, says: 'libs/kafka' },
  '@kafkajs/confluent-schema-registry': { files: /^libs\/kafka\//u, says: 'libs/kafka' },
  '@nxtedition/rocksdb': { files: /^libs\/state\/rocksdb-[a-z-]+\.ts$/u, says: 'the RocksDB files of libs/state' },
  pino: { files: /^libs\/telemetry\//u, says: 'libs/telemetry' },
  'prom-client': { files: /^libs\/telemetry\//u, says: 'libs/telemetry' },
}

/** What services get from the repository besides their own folder and the package `millrace`. */
const servicesMayImport = /^(?:libs\/command\/|deploy\/local-kafka\/)/u

/** Not an example of an application but the show around them: starts Kafka and workers, feeds and checks them from outside. */
const show = 'services/demo/'

export const layerRules: readonly Rule[] = [
  { name: 'a folder of libs/ imports only the layers below it', check: checkLayers },
  { name: 'kafkajs, the registry, RocksDB, pino and prom-client have one home each', check: checkHomes },
  { name: 'services, and the tests of services, use Millrace as its users do', check: checkServices },
  { name: 'libs/ and services/ import nothing from tests, and libs/ nothing from deploy/', check: checkOutside },
  { name: 'libs/ and services/ import only packages that are installed with the product', check: checkDependencies },
  { name: 'relative imports name their file with its ending', check: checkEndings },
]

function checkLayers(file: SourceFile): string[] {
  const own = layerOf(file.path)
  if (own === undefined) return []
  const allowed = mayImport[own]
  if (allowed === undefined)
    return [at(file, 1, `is in libs/${own}, which has no place in the layers: give it one in test/support/architecture/layers.ts`)]
  return importsOf(file).flatMap((one) => {
    const other = one.path === undefined ? undefined : layerOf(one.path)
    if (one.path === 'libs/millrace.ts' || one.packageName?.startsWith('millrace') === true)
      return [broken(file, one, 'the package entry is for users; import the file itself')]
    return other === undefined || other === own || allowed.includes(other)
      ? []
      : [broken(file, one, `libs/${own} may import only ${allowed.join(', ') || 'nothing'}`)]
  })
}

function checkHomes(file: SourceFile): string[] {
  if (!/^(?:libs|services)\//u.test(file.path)) return []
  return importsOf(file).flatMap((one) => {
    const home = homes[one.packageName ?? '']
    // The command composes: it may name the types of what it passes on.
    const composes = one.typeOnly && file.path.startsWith('libs/command/')
    return home === undefined || home.files.test(file.path) || composes ? [] : [broken(file, one, `its home is ${home.says}`)]
  })
}

function checkServices(file: SourceFile): string[] {
  const service = /^(?:test\/)?services\//u.exec(file.path)
  if (service === null || file.path.startsWith(show)) return []
  return importsOf(file).flatMap((one) => {
    if (one.path === undefined || one.path.startsWith('services/') || one.path.startsWith('test/')) return []
    return servicesMayImport.test(one.path) ? [] : [broken(file, one, "import it from 'millrace' or 'millrace/testing'")]
  })
}

function checkOutside(file: SourceFile): string[] {
  const forbidden = file.path.startsWith('libs/')
    ? /^(?:test|services|deploy)\//u
    : file.path.startsWith('services/')
      ? /^test\//u
      : undefined
  if (forbidden === undefined) return []
  return importsOf(file).flatMap((one) =>
    one.path !== undefined && forbidden.test(one.path) ? [broken(file, one, 'the product does not stand on that')] : [],
  )
}

function checkDependencies(file: SourceFile): string[] {
  if (!/^(?:libs|services)\//u.test(file.path)) return []
  return importsOf(file).flatMap((one) => {
    const name = one.packageName
    const known = name === undefined || name.startsWith('node:') || name.startsWith('millrace') || dependencies().includes(name)
    return known ? [] : [broken(file, one, 'it is not among the dependencies of package.json')]
  })
}

function checkEndings(file: SourceFile): string[] {
  return importsOf(file).flatMap((one) =>
    one.path === undefined || /\.(?:[cm]?[jt]s|json)$/u.test(one.path) ? [] : [broken(file, one, 'write the ending')],
  )
}

function dependencies(): string[] {
  // npm's own file; only the names are read.
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
    readonly dependencies: Record<string, string>
  }
  return Object.keys(manifest.dependencies)
}

/** `state` for `libs/state/...`; undefined outside of the folders of libs/ (libs/millrace.ts gathers all of them). */
function layerOf(path: string): string | undefined {
  return /^libs\/([^/]+)\//u.exec(path)?.[1]
}

function broken(file: SourceFile, one: Import, why: string): string {
  return at(file, one.line, `imports ${one.specifier}: ${why}`)
}
