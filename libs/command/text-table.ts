/** Aligned columns of plain text. Pure. */

/** Widths of what is seen: colour codes take no room. */
const width = (text: string): number => text.replaceAll(/\u001B\[[\d;]*m/g, '').length

/** Rows as aligned lines, two spaces between columns; the last column is wrapped at `widthMax`. */
export function columns(rows: readonly (readonly string[])[], widthMax = 118): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.min(34, Math.max(...rows.map((row) => width(row[column] ?? '')))))
  return rows.flatMap((row) => {
    const head = row
      .slice(0, -1)
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
      .join('  ')
    const indent = width(head) === 0 ? 0 : width(head) + 2
    const wide = widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0)
    const lines = wrapped(row.at(-1) ?? '', Math.max(30, widthMax - wide))
    return lines.map((line, index) => (index === 0 ? (indent === 0 ? line : `${head}  ${line}`) : ' '.repeat(wide) + line).trimEnd())
  })
}

/** With a line of titles. */
export const table = (titles: readonly string[], rows: readonly (readonly string[])[]): string[] => columns([titles, ...rows], 1_000)

function wrapped(text: string, widthMax: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && width(line) + 1 + width(word) > widthMax) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** A Markdown table, aligned as prettier does it. */
export function markdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [titles, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = titles.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string => `| ${widths.map((wide, column) => (row[column] ?? '').padEnd(wide)).join(' | ')} |`
  const [head = [], ...body] = cells
  return [line(head), line(widths.map((wide) => '-'.repeat(wide))), ...body.map(line)]
}

/** `12,345`. */
export const count = (value: number | null): string => (value === null ? '?' : value.toLocaleString('en-US'))

/** `1.5 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, value < 1 ? 0 : Math.floor(Math.log2(value) / 10))
  return `${(value / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** `850 ms`, `12.3 s`, `4 min 10 s`, `3 h 5 min`, `2 d 4 h`. */
export function seconds(value: number | null): string {
  if (value === null) return '?'
  if (value < 1) return value === 0 ? '0 s' : `${Math.round(value * 1000)} ms`
  if (value < 60) return `${value.toFixed(1)} s`
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`
  if (value < 86_400) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`
  return `${Math.floor(value / 86_400)} d ${Math.floor((value % 86_400) / 3600)} h`
}
