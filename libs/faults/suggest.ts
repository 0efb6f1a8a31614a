/** The nearest known word to a mistyped one, for messages that say "did you mean ...?". Pure. */

/** Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      let best = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replaced)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1)
      }
      current.push(best)
    }
    beforeLast = last
    last = current
  }
  return last[b.length] ?? 0
}

const normal = (word: string): string => word.toLowerCase().replaceAll(/[-_.]/g, '')

/** Undefined when nothing is near enough to be what was meant: more than a third of the letters would have to change. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of known) {
    const distance = editDistance(normal(word), normal(candidate))
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best !== undefined && bestDistance <= Math.max(1, Math.floor(Math.max(normal(word).length, normal(best).length) / 3))
    ? best
    : undefined
}

/** ` Did you mean x?`, or nothing. */
export function didYouMean(word: string, known: readonly string[], show: (word: string) => string = (name) => name): string {
  const found = nearest(word, known)
  return found === undefined ? '' : ` Did you mean ${show(found)}?`
}
