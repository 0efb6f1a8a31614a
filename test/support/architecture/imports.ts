/** What a file imports: static and dynamic imports, re-exports and `import('...')` in types. */
import { posix } from 'node:path'
import { child, nameAt, walk, type SourceFile, type SyntaxNode } from './source-file.ts'

export interface Import {
  readonly specifier: string
  /** For a relative import: the path from the root of the repository. */
  readonly path: string | undefined
  /** For a package: its name (`@scope/name`, `node:fs`, `millrace/testing` stays whole because it is an entry of our own). */
  readonly packageName: string | undefined
  readonly typeOnly: boolean
  readonly line: number
}

export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = []
  const add = (specifier: string | undefined, node: SyntaxNode, typeOnly: boolean): void => {
    if (specifier === undefined) return
    const relative = specifier.startsWith('.')
    found.push({
      specifier,
      path: relative ? posix.normalize(posix.join(posix.dirname(file.path), specifier)) : undefined,
      packageName: relative ? undefined : packageOf(specifier),
      typeOnly,
      line: file.lineOf(node),
    })
  }
  walk(file.statements, (node) => {
    if (['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration'].includes(node.type)) {
      add(nameAt(node, 'source'), node, node['typeOnly'] === true)
    } else if (node.type === 'TsImportType') {
      add(nameAt(node, 'argument'), node, true)
    } else if (node.type === 'CallExpression' && child(node, 'callee', 'Import') !== undefined) {
      add(literalArgument(node), node, false)
    }
  })
  return found
}

function packageOf(specifier: string): string {
  if (specifier === 'millrace' || specifier.startsWith('millrace/') || specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function literalArgument(call: SyntaxNode): string | undefined {
  const [first] = Array.isArray(call['arguments']) ? call['arguments'] : []
  const expression: unknown = first?.expression
  if (typeof expression !== 'object' || expression === null || !('value' in expression)) return undefined
  return typeof expression.value === 'string' ? expression.value : undefined
}
