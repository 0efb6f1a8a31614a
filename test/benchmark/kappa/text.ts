/** Numbers and tables for eyes. Pure. */

const mebibyte = 2 ** 20

export const whole = (value: number): string => Math.round(value).toLocaleString('en')
export const mib = (bytes: number): string => `${whole(bytes / mebibyte)} MiB`
/** Undefined: not known on this system. */
export const micros = (value: number | undefined): string => value?.toFixed(1) ?? 'unknown'
export const percent = (share: number): string => `${Math.round(share * 100)} %`

/** For a terminal: the first column to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
