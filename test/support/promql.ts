/**
 * The names in a PromQL expression: which metrics with which label matchers, and which labels results are grouped by. Not a parser: enough
 * of the grammar to tell a metric from a function, a keyword and a label, for the expressions in deploy/.
 */

export interface PromqlNames {
  readonly metrics: readonly { readonly name: string; readonly labels: readonly string[] }[]
  /** In by, without, on, ignoring, group_left, group_right. */
  readonly groupLabels: readonly string[]
}

const groupWords = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])
const aggregations = ['sum', 'min', 'max', 'avg', 'count', 'group', 'stddev', 'stdvar', 'topk', 'bottomk', 'quantile', 'count_values']
const otherWords = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan', ...aggregations])

export function promqlNames(expression: string): PromqlNames {
  const text = expression.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/gu, '""').replaceAll(/\[[^\]]*\]/gu, '')
  const metrics: { name: string; labels: string[] }[] = []
  const groupLabels: string[] = []
  const tokens = /([A-Za-z_:][\w:]*)\s*(\([^()]*\)|\(|\{[^}]*\})?/gu
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [whole, name = '', after = ''] = match
    if (/[\w.]$/u.test(text.slice(0, match.index))) continue
    if (groupWords.has(name.toLowerCase())) {
      groupLabels.push(...labelsIn(after))
    } else if (after.startsWith('(')) {
      // A function or an aggregation: what it is called with is looked at next.
      tokens.lastIndex = match.index + whole.length - after.length + 1
    } else if (!otherWords.has(name.toLowerCase())) {
      metrics.push({ name, labels: Array.from(after.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/gu), (label) => label[1] ?? '') })
    }
  }
  return { metrics, groupLabels }
}

function labelsIn(list: string): string[] {
  return list
    .replaceAll(/[()]/gu, '')
    .split(',')
    .map((label) => label.trim())
    .filter((label) => label !== '')
}
