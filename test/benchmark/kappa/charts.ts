/** Charts as SVG text: plain shapes, no script, readable on light and dark pages. Pure. */
import type { BarChart, Chart, LineChart } from './section.ts'

const width = 720
const rowHeight = 20
const groupGap = 14
const labelWidth = 230
const valueWidth = 120
const lineHeight = 300
const margin = { left: 70, right: 24, top: 44, bottom: 46 }
const colours: Readonly<Record<string, string>> = {
  millrace: '#0b6e75',
  'kafka-streams': '#d1893c',
  Millrace: '#0b6e75',
  broker: '#7a7f87',
}
const otherColours = ['#5b5ea6', '#9b2335', '#55732f']
const ink = '#22262b'
const faint = '#d9dce0'

export const svgOf = (chart: Chart): string => (chart.kind === 'bars' ? bars(chart) : lines(chart))

const colourOf = (name: string, index: number): string => colours[name] ?? otherColours[index % otherColours.length] ?? ink

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const textAt = (x: number, y: number, text: string, rest = ''): string =>
  `<text x="${round(x)}" y="${round(y)}" ${rest}>${escaped(text)}</text>`

const round = (value: number): string => String(Math.round(value * 10) / 10)

/** 1,234,000 as 1.23M: axes and bars have little room. */
export function short(value: number): string {
  if (value >= 1_000_000) return `${trimmed(value / 1_000_000)}M`
  if (value >= 10_000) return `${trimmed(value / 1_000)}k`
  return value >= 100 ? Math.round(value).toLocaleString('en') : trimmed(value)
}

const trimmed = (value: number): string => String(Number(value.toPrecision(3)))

function page(height: number, title: string, body: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="${ink}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="#fbfbf9"/>`,
    textAt(16, 24, title, 'font-size="14" font-weight="600"'),
    ...body,
    '</svg>',
    '',
  ].join('\n')
}

function bars({ title, groups }: BarChart): string {
  const largest = Math.max(...groups.flatMap((group) => group.bars.map(({ max }) => max)), Number.MIN_VALUE)
  const scale = (width - labelWidth - valueWidth) / largest
  const body: string[] = []
  let y = margin.top
  for (const { label, bars: own } of groups) {
    body.push(textAt(labelWidth - 12, y + (own.length * rowHeight) / 2 + 4, label, 'text-anchor="end"'))
    own.forEach(({ name, value, min, max }, index) => {
      const middle = y + rowHeight / 2
      body.push(
        `<rect x="${labelWidth}" y="${y + 3}" width="${round(value * scale)}" height="${rowHeight - 6}" fill="${colourOf(name, index)}"/>`,
      )
      // The range of the runs.
      if (max > min)
        body.push(
          `<path d="M${round(labelWidth + min * scale)} ${middle}H${round(labelWidth + max * scale)}" stroke="${ink}" stroke-width="1.5"/>`,
        )
      body.push(textAt(labelWidth + Math.max(value, max) * scale + 6, middle + 4, `${short(value)} ${name}`))
      y += rowHeight
    })
    y += groupGap
  }
  return page(y + 6, title, body)
}

/** x on a logarithmic scale: what is varied grows by factors. y from 0. */
function lines({ title, xTitle, series }: LineChart): string {
  const all = series.flatMap(({ points }) => points)
  const xs = [...new Set(all.map(({ x }) => x))].sort((a, b) => a - b)
  const [first = 1, last = 1] = [xs[0], xs.at(-1)]
  const step = niceStep(Math.max(...all.map(({ y }) => y), Number.MIN_VALUE))
  const top = Math.ceil(Math.max(...all.map(({ y }) => y), Number.MIN_VALUE) / step) * step
  const atX = (x: number): number =>
    margin.left + (last > first ? Math.log(x / first) / Math.log(last / first) : 0.5) * (width - margin.left - margin.right - 60)
  const atY = (y: number): number => lineHeight - margin.bottom - (y / top) * (lineHeight - margin.top - margin.bottom)
  const body: string[] = []
  for (let y = 0; y <= top + step / 2; y += step) {
    body.push(`<path d="M${margin.left} ${round(atY(y))}H${width - margin.right}" stroke="${faint}"/>`)
    body.push(textAt(margin.left - 8, atY(y) + 4, short(y), 'text-anchor="end"'))
  }
  for (const x of xs) body.push(textAt(atX(x), lineHeight - margin.bottom + 18, short(x), 'text-anchor="middle"'))
  body.push(textAt(width / 2, lineHeight - 10, xTitle, 'text-anchor="middle"'))
  series.forEach(({ name, points }, index) => {
    const colour = colourOf(name, index)
    const path = points.map(({ x, y }, nth) => `${nth === 0 ? 'M' : 'L'}${round(atX(x))} ${round(atY(y))}`).join('')
    body.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const { x, y } of points) body.push(`<circle cx="${round(atX(x))}" cy="${round(atY(y))}" r="3" fill="${colour}"/>`)
    const end = points.at(-1)
    if (end !== undefined) body.push(textAt(atX(end.x) + 8, atY(end.y) + 4, name, `fill="${colour}"`))
  })
  return page(lineHeight, title, body)
}

/** 1, 2 or 5 times a power of ten, so that there are about five lines. */
export function niceStep(largest: number): number {
  const rough = largest / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough) ?? 10
  return factor * power
}
