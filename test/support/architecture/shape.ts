/** The shape of files: how long, how typed, what they may not leave behind. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { at, type Rule } from './rule.ts'
import { child, repositoryRoot, walk, type SourceFile, type SyntaxNode } from './source-file.ts'

const fileLinesMax = 400
const functionLinesMax = 70
const vagueNames = /(?:^|\/)(?:utils?|helpers?|manager|data|info|common|misc)(?:-[a-z]+)*\.ts$/u

export const shapeRules: readonly Rule[] = [
  { name: `no file is longer than ${fileLinesMax} lines`, check: checkFileLength },
  { name: `no function is as long as ${functionLinesMax} lines`, check: checkFunctionLength },
  { name: 'files are named after one noun, in kebab-case', check: checkFileName },
  { name: 'files of libs/, services/ and deploy/ open with a comment that says what they own', check: checkHeader },
  { name: 'no any, no non-null assertion, no enum, no namespace', check: checkTypes },
  { name: 'no catch without a word', check: checkCatches },
  { name: 'no notes left in the code, no checks switched off, no tests that do not run', check: checkNotes },
  { name: 'files that only pass on what others export are entries of package.json', check: checkBarrels },
]

function checkFileLength(file: SourceFile): string[] {
  const lines = file.text.trimEnd().split('\n').length
  return lines > fileLinesMax ? [at(file, lines, `has ${lines} lines`)] : []
}

/** Tests are excepted: a `describe` is a function as long as its list of promises. */
function checkFunctionLength(file: SourceFile): string[] {
  if (file.path.startsWith('test/')) return []
  const found: string[] = []
  walk(file.statements, (node) => {
    const body = child(node, 'body', 'FunctionBody') ?? child(node, 'body', 'BlockStatement')
    if (body === undefined || node.type === 'CatchClause' || node.type.endsWith('Statement')) return
    const [first, last] = node['span'] === undefined ? file.linesOf(body) : file.linesOf(node)
    if (last - first + 1 >= functionLinesMax) found.push(at(file, first, `has a function of ${last - first + 1} lines`))
  })
  return found
}

function checkFileName(file: SourceFile): string[] {
  const name = file.path.split('/').at(-1) ?? ''
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.bench)?\.ts$/u.test(name)) return [at(file, 1, 'is not kebab-case')]
  return vagueNames.test(file.path) ? [at(file, 1, 'has a name that says nothing')] : []
}

function checkHeader(file: SourceFile): string[] {
  if (!/^(?:libs|services|deploy)\//u.test(file.path)) return []
  const afterImports = file.text.replaceAll(/^import [^;]*?from '[^']*'$/gmu, '').trimStart()
  return /^(?:#!.*\n)?\s*\/[*/]/u.test(afterImports) ? [] : [at(file, 1, 'has no header comment')]
}

function checkTypes(file: SourceFile): string[] {
  const found: string[] = []
  const say = (node: SyntaxNode, what: string): unknown => found.push(at(file, file.lineOf(node), what))
  walk(file.statements, (node) => {
    if (node.type === 'TsKeywordType' && node['kind'] === 'any') say(node, 'has any')
    if (node.type === 'TsNonNullExpression') say(node, 'has a non-null assertion')
    if (node.type === 'TsEnumDeclaration') say(node, 'has an enum')
    if (node.type === 'TsModuleDeclaration') say(node, 'has a namespace')
  })
  return found
}

/** An empty block is an error that nobody hears of; with a comment (inside; beside or above a `.catch`) somebody has thought about it. */
function checkCatches(file: SourceFile): string[] {
  const found: string[] = []
  const lines = file.text.split('\n')
  walk(file.statements, (node) => {
    const body = node.type === 'CatchClause' ? child(node, 'body', 'BlockStatement') : undefined
    if (body === undefined || !Array.isArray(body['stmts']) || body['stmts'].length > 0) return
    const [first, last] = file.linesOf(body)
    if (!/\/[*/]/u.test(lines.slice(first - 1, last).join('\n'))) found.push(at(file, first, 'has an empty catch'))
  })
  for (const match of file.textWithoutStrings.matchAll(/\.catch\(\(\)\s*=>\s*(?:\{\s*\}|undefined|null)\)/gu)) {
    const line = lineAt(file.text, match.index)
    if (!/\/[*/]|\*\//u.test(lines.slice(Math.max(line - 2, 0), line).join('\n'))) found.push(at(file, line, 'swallows a rejection'))
  }
  return found
}

function checkNotes(file: SourceFile): string[] {
  const marks = [
    'TODO',
    'FIXME',
    'XXX',
    'HACK',
    '@ts-ignore',
    '@ts-expect-error',
    '@ts-nocheck',
    'eslint-disable',
    'oxlint-disable',
    'prettier-ignore',
  ]
  const comments = new RegExp(String.raw`(?://|\*).*?(${marks.join('|')})\b`, 'gu')
  // Programs that must not compile say so by it; there the compiler complains when one does.
  const isRefusal = file.path.startsWith('test/types/')
  const found = Array.from(file.textWithoutStrings.matchAll(comments), (match) => match)
    .filter((match) => !(isRefusal && match[1] === '@ts-expect-error'))
    .map((match) => at(file, lineAt(file.text, match.index), `leaves ${match[1]}`))
  walk(file.statements, (node) => {
    const mark = node.type === 'CallExpression' ? skipped(node) : undefined
    if (mark !== undefined) found.push(at(file, file.lineOf(node), `has a test that does not run: ${mark}`))
  })
  return found
}

/** `it.skip(...)`, `describe.only(...)`, `xit(...)`. */
function skipped(call: SyntaxNode): string | undefined {
  const member = child(call, 'callee', 'MemberExpression')
  const plain = child(call, 'callee', 'Identifier')?.['value']
  if (typeof plain === 'string') return /^(?:x(?:it|test|describe)|f(?:it|describe))$/u.test(plain) ? plain : undefined
  const object = member === undefined ? undefined : child(member, 'object', 'Identifier')?.['value']
  const property = member === undefined ? undefined : child(member, 'property', 'Identifier')?.['value']
  if (typeof object !== 'string' || typeof property !== 'string') return undefined
  return ['it', 'test', 'describe'].includes(object) && ['skip', 'only', 'todo'].includes(property) ? `${object}.${property}` : undefined
}

function checkBarrels(file: SourceFile): string[] {
  const passesOn = (statement: SyntaxNode): boolean =>
    statement.type === 'ExportAllDeclaration' || (statement.type === 'ExportNamedDeclaration' && statement['source'] !== null)
  const all =
    file.statements.length > 0 && file.statements.every((statement) => passesOn(statement) || statement.type === 'ImportDeclaration')
  return all && !packageEntries().includes(`./${file.path}`) ? [at(file, 1, 'is a barrel')] : []
}

function packageEntries(): string[] {
  // npm's own file; only the targets are read.
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { readonly exports: Record<string, string> }
  return Object.values(manifest.exports)
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
