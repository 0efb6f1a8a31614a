/** libs/dataflow is what is computed: no waiting, no clock, no randomness, no machine. */
import { at, type Rule } from './rule.ts'
import { importsOf } from './imports.ts'
import { child, nameAt, walk, type SourceFile, type SyntaxNode } from './source-file.ts'

/** Formats may fetch a schema, in these methods only (libs/dataflow/format.ts). */
const methodsThatMayWait = ['open', 'prepareDecode']

/** Values in, bytes out, and back: no world in them. */
const pureModules = ['node:buffer', 'node:v8']

const impureNames = [
  'performance',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'fetch',
  'crypto',
  'console',
  'globalThis',
]
/** Types hold no uses; expressions with a type beside them do. */
const typesOnly = /^Ts(?!(?:As|Satisfies|NonNull|Const|TypeAssertion|Instantiation))/u

const impureMembers = ['Date.now', 'Math.random']

export const purityRules: readonly Rule[] = [
  { name: 'libs/dataflow does not wait: no async, no await', check: (file) => inDataflow(file, checkWaiting) },
  { name: 'libs/dataflow takes time, randomness and identity as arguments', check: (file) => inDataflow(file, checkWorld) },
  { name: 'libs/dataflow imports nothing of Node but bytes', check: (file) => inDataflow(file, checkNode) },
]

function inDataflow(file: SourceFile, check: (file: SourceFile) => string[]): string[] {
  return file.path.startsWith('libs/dataflow/') ? check(file) : []
}

function checkWaiting(file: SourceFile): string[] {
  const found: string[] = []
  walk(file.statements, (node) => {
    if (methodsThatMayWait.includes(nameAt(node, 'key') ?? '')) return false
    if (node['async'] === true) found.push(at(file, file.lineOf(node), 'is async'))
    if (node.type === 'AwaitExpression' || node['isAwait'] === true) found.push(at(file, file.lineOf(node), 'awaits'))
    return true
  })
  return found
}

function checkWorld(file: SourceFile): string[] {
  const found: string[] = []
  // The names of methods and properties are not uses: `record.process`, `process() {}` and `{ process: 1 }` are somebody's own.
  const names = new Set<unknown>()
  walk(file.statements, (node) => {
    const property = node.type === 'MemberExpression' ? child(node, 'property', 'Identifier') : child(node, 'key', 'Identifier')
    if (property !== undefined) names.add(property)
    const name = names.has(node) ? undefined : worldName(node)
    if (name !== undefined) found.push(at(file, file.lineOf(node), `uses ${name}`))
    return !typesOnly.test(node.type)
  })
  return found
}

function checkNode(file: SourceFile): string[] {
  const foreign = (name: string | undefined): boolean => name?.startsWith('node:') === true && !pureModules.includes(name)
  return importsOf(file).flatMap((one) => (foreign(one.packageName) ? [at(file, one.line, `imports ${one.specifier}`)] : []))
}

function worldName(node: SyntaxNode): string | undefined {
  if (node.type === 'MemberExpression') {
    const member = `${nameAt(node, 'object') ?? ''}.${nameAt(node, 'property') ?? ''}`
    return impureMembers.includes(member) ? member : undefined
  }
  if (node.type === 'NewExpression' && nameAt(node, 'callee') === 'Date' && isEmpty(node['arguments'])) return 'new Date()'
  const name = identifier(node)
  return name !== undefined && impureNames.includes(name) ? name : undefined
}

function identifier(node: SyntaxNode): string | undefined {
  return node.type === 'Identifier' && typeof node['value'] === 'string' ? node['value'] : undefined
}

function isEmpty(value: unknown): boolean {
  return !Array.isArray(value) || value.length === 0
}
