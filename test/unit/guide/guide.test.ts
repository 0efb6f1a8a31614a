/** What the guide shows is true: its examples compile, its commands have the flags that it names, its links lead somewhere, its first topology runs. */
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { commands } from '../../../libs/command/commands.ts'
import { commonFlags } from '../../../libs/command/parse-arguments.ts'
import { flagOf } from '../../../libs/runtime/settings/settings.ts'
import { buildAll, exampleOf, problemsOf, tsconfig, write } from './examples.ts'
import type { Example } from './examples.ts'
import { anchorsOf, blocksOf, commandLinesOf, linksOf, pageText, root } from './markdown.ts'
import type { CommandLine, Link } from './markdown.ts'

const run = promisify(execFile)
const node = join(root, 'node_modules/.bin/node')

/** All pages; those of libs are for developers, and show sketches. */
const pages = ['README.md', 'ARCHITECTURE.md', ...globSync('{deploy,services,libs}/**/*.md', { cwd: root })].toSorted()
/** Pages for users. */
const guide = pages.filter((page) => page === 'README.md' || page.startsWith('deploy/') || page.startsWith('services/'))

let folder: string
beforeAll(() => {
  // Not under node_modules, where Node runs no TypeScript and `millrace` is not this package.
  mkdirSync(join(root, '.millrace'), { recursive: true })
  folder = mkdtempSync(join(root, '.millrace/guide-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const TSC_TAKES_MS = 120_000

/** Output of the compiler about the files of the folder; empty when it has nothing to say. */
async function compile(where: string): Promise<string> {
  writeFileSync(join(where, 'tsconfig.json'), tsconfig(where))
  try {
    await run(node, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.', '--pretty', 'false'], { cwd: where, timeout: TSC_TAKES_MS })
    return ''
  } catch (error) {
    // execFile puts the output of a command that failed beside its code.
    const { stdout, message } = error as Error & { readonly stdout?: string }
    return stdout === undefined || stdout === '' ? message : stdout
  }
}

const examplesOf = (page: string, text: string, where: string): Example[] =>
  blocksOf(page, text)
    .filter(({ language }) => language === 'ts')
    .map((block, index) => exampleOf(block, index, where))

function refusalOf({ place, command, flags }: CommandLine): string | undefined {
  const found = commands.find(({ name }) => name === command)
  if (found === undefined) return `${place}: millrace ${command} does not exist`
  const known = new Set([...Object.keys(commonFlags), ...Object.keys(found.flags), ...found.settings.map((key) => flagOf(key))])
  const wrong = flags.filter((flag) => !known.has(flag))
  return wrong.length === 0 ? undefined : `${place}: millrace ${command} has no --${wrong.join(', --')}`
}

describe('the guide', () => {
  it(
    'has examples that compile',
    async () => {
      const where = join(folder, 'pages')
      const examples = guide.flatMap((page) => examplesOf(page, pageText(page), where))
      expect(examples.length).toBeGreaterThan(15)
      write(where, examples)
      expect(problemsOf(await compile(where), examples)).toEqual([])
    },
    TSC_TAKES_MS,
  )

  it(
    'has examples that build',
    async () => {
      const where = join(folder, 'build')
      const examples = guide.flatMap((page) => examplesOf(page, pageText(page), where))
      write(where, examples)
      writeFileSync(join(where, 'build.ts'), buildAll(examples))
      const { stdout } = await run(node, ['build.ts'], { cwd: where, timeout: TSC_TAKES_MS })
      // An example may show the beginning of a stream only (MR1005).
      expect(stdout.split('\n').filter((line) => line !== '' && !line.includes('[MR1005]'))).toEqual([])
      expect(stdout).toContain('[MR1005]')
    },
    TSC_TAKES_MS,
  )

  it(
    'would be refused with an example that does not compile, by its place on the page',
    async () => {
      const where = join(folder, 'wrong')
      const page = ['# A page', '```ts', 'flow', '  .stream(orders, { eventTimes: () => 1 })', '  .to(bigOrders)', '```'].join('\n')
      const examples = examplesOf('page.md', page, where)
      write(where, examples)
      expect(problemsOf(await compile(where), examples)).toEqual([expect.stringMatching(/^page\.md:4 error TS.*eventTimes/)])
    },
    TSC_TAKES_MS,
  )

  it('names no command and no flag that does not exist', () => {
    const lines = guide.flatMap((page) => commandLinesOf(page, pageText(page)))
    expect(lines.length).toBeGreaterThan(30)
    expect(lines.map(refusalOf).filter((refusal) => refusal !== undefined)).toEqual([])
  })

  it('would be refused with a wrong command or flag', () => {
    const page = 'Try `millrace state|stat x --limit 3` or\n```sh\nMB=1\nnpx millrace run a.ts \\\n  --retain # --no\n```\n'
    expect(commandLinesOf('p.md', page).map(refusalOf)).toEqual([
      'p.md:3: millrace run has no --retain',
      undefined,
      'p.md: millrace stat does not exist',
    ])
  })

  it('has links that lead somewhere', () => {
    const leads = ({ file, anchor }: Link): boolean =>
      existsSync(join(root, file)) && (anchor === '' || anchorsOf(pageText(file)).includes(anchor))
    const broken = pages.flatMap((page) =>
      linksOf(page, pageText(page))
        .filter((link) => !leads(link))
        .map(({ file, anchor }) => `${page} → ${file}#${anchor}`),
    )
    expect(broken).toEqual([])
  })
})

describe('the first topology of README.md', () => {
  it(
    'gives the results that the README shows',
    async () => {
      const where = join(folder, 'first')
      const blocks = blocksOf('README.md', pageText('README.md'))
      const [topologyBlock] = blocks.filter(({ code }) => code.startsWith('// services/market/topology.ts'))
      const [sales, reports] = blocks.filter(({ language }) => language === 'json').map(({ code }) => code)
      if (topologyBlock === undefined || sales === undefined || reports === undefined)
        throw new Error('README.md has lost its first topology')
      mkdirSync(where, { recursive: true })
      writeFileSync(join(where, 'topology.ts'), topologyBlock.code)
      writeFileSync(join(where, 'run.ts'), runner(sales.split('\n')))
      const { stdout } = await run(node, ['run.ts'], { cwd: where, timeout: TSC_TAKES_MS })
      expect(JSON.parse(stdout)).toEqual({
        reports: reports.split('\n').map((line): unknown => JSON.parse(line)),
        bread: Number(/`"rows": (\d+)`/.exec(pageText('README.md'))?.[1]),
        refused: 1,
      })
    },
    TSC_TAKES_MS,
  )
})

/** Sends the lines as `millrace load` does, round two partitions in order of time, and prints what comes out. */
const runner = (lines: readonly string[]): string => `
import { driver } from 'millrace/testing'
import market, { reports, sales } from './topology.ts'
const app = await driver(market, { partitions: 2 })
for (const [index, line] of ${JSON.stringify(lines)}.entries())
  app.topic(sales).sendBytes({ key: null, value: Buffer.from(line), timestamp: JSON.parse(line).at, partition: index % 2 })
const values = (await app.topic(reports).read()).map(({ value }) => value)
const refused = (await app.refused()).length
console.log(JSON.stringify({ reports: values, bread: app.store('taken').get('bread'), refused }))
await app.close()
`
