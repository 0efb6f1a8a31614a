/** What tests want from a page of Markdown: code blocks, and the command lines of `millrace` in blocks and in the text. Pure. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../../..')
export const pageText = (page: string): string => readFileSync(join(root, page), 'utf8')

export interface Block {
  readonly page: string
  readonly language: string
  /** Of the first line of the code, from 1. */
  readonly line: number
  readonly code: string
}

export function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = []
  let open: { readonly language: string; readonly line: number; readonly lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*```(\w*)\s*$/.exec(line)
    if (fence === null) {
      open?.lines.push(line)
    } else if (open === undefined) {
      open = { language: fence[1] ?? '', line: index + 2, lines: [] }
    } else {
      blocks.push({ page, language: open.language, line: open.line, code: open.lines.join('\n') })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${page}:${open.line} opens a block of code that never ends`)
  return blocks
}

export interface CommandLine {
  readonly place: string
  readonly command: string
  /** Without dashes and values. */
  readonly flags: readonly string[]
}

/** `millrace <command> --flag` wherever it stands as code: in blocks of shell, and between backticks. */
export function commandLinesOf(page: string, text: string): CommandLine[] {
  const inBlocks = blocksOf(page, text)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code, line }) =>
      code
        .replaceAll('\\\n', ' ')
        .split('\n')
        .map((words) => ({ words: words.replace(/(^|\s)#.*$/, ''), place: `${page}:${line}` })),
    )
  const inText = text
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .matchAll(/`([^`]+)`/g)
    .map(([, words = '']) => ({ words, place: page }))
  return [...inBlocks, ...inText].flatMap(({ words, place }) =>
    words.split(/&&|;|\s\|\s|<\(/).flatMap((part) => {
      const found = /^\s*(?:export \S+\s+)?(?:npx )?millrace\s+([a-z|]+)(.*)$/.exec(part)
      if (found === null) return []
      const [, names = '', rest = ''] = found
      const flags = [...rest.matchAll(/(?<=\s)--([a-z-]+)/g)].map(([, flag = '']) => flag)
      return names.split('|').map((command) => ({ place, command, flags }))
    }),
  )
}

export interface Link {
  /** Relative to the repository. */
  readonly file: string
  /** Without #; empty: the page. */
  readonly anchor: string
}

/** Links to files of the repository. */
export function linksOf(page: string, text: string): Link[] {
  return [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor = ''] = target.split('#')
      return { file: file === '' ? page : join(page, '..', file), anchor }
    })
}

/** What headings are called in links, as GitHub does it. */
export const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
