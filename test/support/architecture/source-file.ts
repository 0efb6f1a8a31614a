/**
 * One TypeScript file of the repository as the architecture rules see it: its text, its syntax tree (by swc, so that comments and
 * strings are never taken for code) and where each node stands.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseSync } from '@swc/core'

export const repositoryRoot = resolve(import.meta.dirname, '../../..')

/** A node of the tree: `type`, `span` and what that type has. */
export type SyntaxNode = Readonly<Record<string, unknown>> & { readonly type: string }

export interface SourceFile {
  /** From the root of the repository: `libs/state/store.ts`. */
  readonly path: string
  readonly text: string
  /** The same text with the inside of strings, templates and regular expressions blanked out: for what is looked for in comments. */
  readonly textWithoutStrings: string
  readonly statements: readonly SyntaxNode[]
  lineOf(node: SyntaxNode): number
  /** First and last line. */
  linesOf(node: SyntaxNode): readonly [number, number]
}

/** The `.ts` files that git knows or would add, so that generated and ignored ones are left out. */
export function repositoryFiles(): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  })
  const paths = listed.split('\n').filter((path) => path !== '' && !path.endsWith('.d.ts') && existsSync(join(repositoryRoot, path)))
  return paths.map((path) => sourceFile(path, readFileSync(join(repositoryRoot, path), 'utf8')))
}

export function sourceFile(path: string, text: string): SourceFile {
  // swc counts bytes from wherever its counter stands; a statement of our own at the very start shows where that is.
  const bytes = Buffer.from(`;${text}`)
  const statements = bodyOf(parseSync(bytes.toString(), { syntax: 'typescript', target: 'es2024' }))
  const base = spanOf(statements[0]).start
  const literals = /^(?:StringLiteral|TemplateElement|RegExpLiteral)$/u
  const masked = Buffer.from(bytes)
  walk(statements, (node) => {
    if (literals.test(node.type)) masked.fill(0x5f, spanOf(node).start - base, spanOf(node).end - base)
  })
  const lineAt = (position: number): number =>
    bytes
      .subarray(0, Math.max(position - base, 0))
      .toString()
      .split('\n').length
  return {
    path,
    text,
    // Lines stay lines: a template of several lines is blanked out between its line breaks only.
    textWithoutStrings: restoreLineBreaks(masked, bytes).subarray(1).toString(),
    statements: statements.slice(1),
    lineOf: (node) => lineAt(spanOf(node).start),
    linesOf: (node) => [lineAt(spanOf(node).start), lineAt(spanOf(node).end)],
  }
}

/** Every node below and including the given ones, parents first; `enter` returning false leaves a node's inside out. */
export function walk(node: unknown, enter: (node: SyntaxNode) => boolean | void): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, enter)
  } else if (isNode(node)) {
    if (enter(node) === false) return
    for (const value of Object.values(node)) walk(value, enter)
  }
}

/** The node at `key`, if it is one of the given type. */
export function child(node: SyntaxNode, key: string, type: string): SyntaxNode | undefined {
  const value = node[key]
  return isNode(value) && value.type === type ? value : undefined
}

/** Text of an identifier, a string literal or a property name at `key`. */
export function nameAt(node: SyntaxNode, key: string): string | undefined {
  const value = node[key]
  const name = isNode(value) ? value['value'] : undefined
  return typeof name === 'string' ? name : undefined
}

function restoreLineBreaks(masked: Buffer, original: Buffer): Buffer {
  for (let index = original.indexOf(0x0a); index >= 0; index = original.indexOf(0x0a, index + 1)) masked[index] = 0x0a
  return masked
}

/** Objects without a type (swc has some, such as a call's arguments) count as nodes of type ''. */
function isNode(value: unknown): value is SyntaxNode {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  if (!('type' in value)) Object.defineProperty(value, 'type', { value: '', enumerable: false })
  return true
}

function bodyOf(module: unknown): readonly SyntaxNode[] {
  const body: unknown = isNode(module) ? module['body'] : undefined
  if (!Array.isArray(body)) throw new Error('swc gave no module')
  return body.filter(isNode)
}

function spanOf(node: SyntaxNode | undefined): { readonly start: number; readonly end: number } {
  const span: unknown = node?.['span']
  if (typeof span === 'object' && span !== null && 'start' in span && 'end' in span)
    return { start: Number(span.start), end: Number(span.end) }
  throw new Error(`swc gave no position for ${node?.type ?? 'nothing'}`)
}
