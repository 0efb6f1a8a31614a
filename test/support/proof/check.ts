/** One sentence of the verdict: what was compared, how much of it, and what differs. Pure. */
const DIFFERENCES_SHOWN = 5

export interface Check {
  readonly name: string
  readonly passed: boolean
  readonly note: string
}

/** `compared`: a check that has seen nothing has proved nothing, and fails. */
export function check(name: string, compared: number, differences: readonly string[], note = ''): Check {
  const counted = note === '' ? `${compared}` : `${compared} ${note}`
  if (differences.length > 0) {
    const shown = differences.slice(0, DIFFERENCES_SHOWN).join('; ')
    return { name, passed: false, note: `${differences.length} differences in ${counted}: ${shown}` }
  }
  if (compared === 0) return { name, passed: false, note: `nothing was compared (${counted})` }
  return { name, passed: true, note: counted }
}

export function tableText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return checks.map(({ name, passed, note }) => `${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  ${note}`).join('\n')
}
