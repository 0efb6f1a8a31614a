/** The report of a verification: lines for a terminal, and one HTML page that needs nothing else. Pure. */
import type { Difference, SinkComparison } from '../runtime/switch/compare-outputs.ts'
import { isEqual } from '../runtime/switch/compare-outputs.ts'
import type { Verification } from '../runtime/switch/verify.ts'
import { count, table } from './text-table.ts'

const TITLES = ['topic', 'kind', 'compared', 'equal', 'different', 'only live', 'only new']

const rowOf = (sink: SinkComparison): string[] => [
  sink.topic,
  sink.table ? 'table' : 'stream',
  count(sink.compared),
  count(sink.equal),
  count(sink.different),
  count(sink.onlyLive),
  count(sink.onlyNew),
]

export const verdictOf = ({ application, live, version, sinks, sample }: Verification): string => {
  const part = sample < 1 ? ` (of ${Math.round(sample * 1000) / 10} % of the keys)` : ''
  return isEqual(sinks)
    ? `v${version} of ${application} gives the same as v${live}${part}.`
    : `v${version} of ${application} differs from v${live}${part}.`
}

const pauseOf = ({ pauseMs }: Verification): string =>
  pauseMs === undefined ? '' : ` The live version stood still for ${Math.round(pauseMs)} ms.`

const EXAMPLES_IN_TEXT = 5

export function verificationText(verification: Verification): string {
  const lines = [verdictOf(verification) + pauseOf(verification), ...table(TITLES, verification.sinks.map(rowOf))]
  for (const sink of verification.sinks) {
    for (const example of sink.examples.slice(0, EXAMPLES_IN_TEXT)) lines.push(`  ${sink.topic} ${exampleText(example)}`)
  }
  return lines.join('\n')
}

export const shown = (value: unknown): string =>
  value === undefined
    ? 'nothing'
    : (JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one)) ?? String(value))

const exampleText = ({ what, key, live, next }: Difference): string => `${what} ${key}: live ${shown(live)}, new ${shown(next)}`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const cells = (tag: 'td' | 'th', texts: readonly string[]): string =>
  `<tr>${texts.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')}</tr>`

export function verificationHtml(verification: Verification, madeAt: number): string {
  const { application, version, live, sinks } = verification
  const examples = sinks.flatMap((sink) =>
    sink.examples.map(({ what, kind, key, timestamp, live: one, next }) => [
      sink.topic,
      what,
      kind,
      key,
      timeOf(timestamp),
      shown(one),
      shown(next),
    ]),
  )
  const style =
    'body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1c2430}table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #c8d0da;padding:.3rem .6rem;text-align:left;vertical-align:top}th{background:#eef2f6}td{font-variant-numeric:tabular-nums}.same{color:#13692f}.differs{color:#a3210f}'
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<title>${escaped(application)}: v${version} against v${live}</title><style>${style}</style></head><body>`,
    `<h1>${escaped(application)}: v${version} against v${live}</h1>`,
    `<p class="${isEqual(sinks) ? 'same' : 'differs'}">${escaped(verdictOf(verification) + pauseOf(verification))}</p>`,
    `<p>${new Date(madeAt).toISOString()}, switch ${verification.s}. Tables by last value of each key, finals by key and window, events as multisets for each key.</p>`,
    `<table>${cells('th', TITLES)}${sinks.map((sink) => cells('td', rowOf(sink))).join('')}</table>`,
    examples.length === 0
      ? ''
      : `<h2>Examples</h2><table>${cells('th', ['topic', 'what', 'difference', 'key', 'time', 'live', 'new'])}${examples.map((row) => cells('td', row)).join('')}</table>`,
    '</body></html>',
    '',
  ].join('\n')
}

/** Event times may lie outside of what a date can be. */
const timeOf = (time: number): string => (Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time))
