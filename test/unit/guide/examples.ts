/**
 * The guide's examples as files of TypeScript, so that the compiler can read them.
 *
 * A block whose first line is `// some/path.ts` becomes that file, and later blocks of the page may import it. Another block with imports becomes
 * a file of its own. A block without imports stands inside a topology: it becomes the body of a function that is given `flow`, and everything
 * that `millrace`, `millrace/testing` and deploy/guide/shop.ts export.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Block } from './markdown.ts'
import { pageText, root } from './markdown.ts'

export interface Example {
  /** Relative to the folder of all examples. */
  readonly path: string
  readonly text: string
  /** What to add to a line of the file to have the line of the page. */
  readonly shift: number
  readonly block: Block
  /** It exports `example(flow, app)`. */
  readonly isBody: boolean
}

interface Exported {
  readonly values: readonly string[]
  readonly types: readonly string[]
}

/** Names that a module exports, as its own text says. */
export function exportsOf(text: string): Exported {
  const values: string[] = []
  const types: string[] = []
  for (const [, isType, names = ''] of text.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    const list = names.split(',').map((name) => name.trim())
    ;(isType === undefined ? values : types).push(...list.filter((name) => name !== ''))
  }
  for (const [, name = ''] of text.matchAll(/^export (?:const|function|class) (\w+)/gm)) values.push(name)
  for (const [, name = ''] of text.matchAll(/^export (?:interface|type) (\w+)/gm)) types.push(name)
  // A schema and the type that it gives have one name.
  return { values, types: types.filter((name) => !values.includes(name)) }
}

export function exampleOf(block: Block, index: number, folder: string): Example {
  const base = block.page.replaceAll('/', '-').replace(/\.md$/, '')
  const named = /^\/\/ ([\w./-]+\.ts)\n/.exec(block.code)?.[1]
  if (named !== undefined || /^import /m.test(block.code)) {
    return { path: join(base, named ?? `${index}.ts`), text: `${block.code}\nexport {}\n`, shift: block.line - 1, block, isBody: false }
  }
  const path = join(base, `${index}.ts`)
  const head = prelude(dirname(join(folder, path)))
  const text = `${head}\nexport const example = async (flow: Flow, app: Driver): Promise<void> => {\n${block.code}\n}\n`
  return { path, text, shift: block.line - head.split('\n').length - 2, block, isBody: true }
}

function prelude(from: string): string {
  const modules: readonly (readonly [specifier: string, file: string])[] = [
    ['millrace', 'libs/millrace.ts'],
    ['millrace/testing', 'libs/testing/testing.ts'],
    [relative(from, join(root, 'deploy/guide/shop.ts')), 'deploy/guide/shop.ts'],
  ]
  return modules
    .map(([specifier, file]) => {
      const { values, types } = exportsOf(pageText(file))
      return `import { ${[...values, ...types.map((name) => `type ${name}`)].join(', ')} } from '${specifier}'`
    })
    .join('\n')
}

export function write(folder: string, examples: readonly Example[]): void {
  for (const { path, text } of examples) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}

/** A program that builds a topology of each example that stands inside one, and prints what is refused, a line each. */
export const buildAll = (examples: readonly Example[]): string =>
  examples
    .filter(({ isBody, block }) => isBody && /\bflow\b/.test(block.code) && !/\btopology\(/.test(block.code))
    .map(
      ({ path, block }, index) => `
import { example as example${index} } from './${path}'
try {
  topology('example', { version: 1 }, (flow) => void example${index}(flow))
} catch (error) {
  const refusals = error.message.split('\\n').slice(1)
  for (const refusal of refusals) console.log('${block.page}:${block.line} ' + refusal)
}`,
    )
    .concat("import { topology } from 'millrace'")
    .join('\n')

/** `tsconfig.json` of the folder: the rules of the repository, but unused names are welcome in examples. */
export const tsconfig = (folder: string): string =>
  JSON.stringify({
    extends: relative(folder, join(root, 'tsconfig.json')),
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, incremental: false, tsBuildInfoFile: null },
    include: ['**/*.ts'],
  })

/** Lines of tsc about examples, told in lines of the pages. */
export function problemsOf(output: string, examples: readonly Example[]): string[] {
  const byPath = new Map(examples.map((example) => [example.path, example]))
  return output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const found = /^(.+?)\((\d+),\d+\): (.*)$/.exec(line)
      const example = found === null ? undefined : byPath.get(found[1] ?? '')
      if (found === null || example === undefined) return line
      return `${example.block.page}:${Number(found[2]) + example.shift} ${found[3] ?? ''}`
    })
}
