/**
 * A topology as lines for eyes: each line is a chain of steps from a source, a merge or a fork to the next of them. Pure.
 *
 *     cell
 *       surge-pricing.v1.cell.repartition -> tumbling cell-minute [store] -> process smoothing [store] -> surge-prices
 */
import type { StepDescription, SubTopologyDescription, TopologyDescription } from '../dataflow/describe-json.ts'

export function topologyText({ name, version, group, subTopologies }: TopologyDescription): string {
  const stages = subTopologies.flatMap((sub) => ['', `${sub.name}${notesOf(sub)}`, ...chainsOf(sub.steps).map((chain) => `  ${chain}`)])
  return [`${name} v${version}, group ${group}`, ...stages].join('\n')
}

function notesOf({ coPartitioned, holdMs }: SubTopologyDescription): string {
  const notes = [
    ...(coPartitioned ? ['inputs need equal partition counts'] : []),
    ...(holdMs > 0 ? [`results up to ${holdMs / 1000} s behind the watermark`] : []),
  ]
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`
}

function chainsOf(steps: readonly StepDescription[]): string[] {
  const byId = new Map(steps.map((step) => [step.id, step]))
  const arrivals = new Map<string, number>()
  for (const { to } of steps.flatMap((step) => step.next)) arrivals.set(to, (arrivals.get(to) ?? 0) + 1)
  const isHead = (step: StepDescription): boolean => (arrivals.get(step.id) ?? 0) !== 1
  const label = (step: StepDescription): string => {
    const isPlain = step.store === undefined && step.topic === undefined
    const isAmbiguous =
      isPlain && steps.filter((other) => other.label === step.label && (isHead(other) || other.next.length > 1)).length > 1
    const shown =
      step.topic === undefined
        ? isAmbiguous
          ? step.id
          : step.label
        : step.label === step.topic || step.kind === 'source'
          ? step.topic
          : `${step.label} => ${step.topic}`
    return step.store === undefined ? shown : `${shown} [store]`
  }
  /** From a step along single arrows, to where streams meet or part. */
  const follow = (step: StepDescription): string[] => {
    const [arrow] = step.next
    const next = arrow === undefined || step.next.length > 1 ? undefined : byId.get(arrow.to)
    if (next === undefined || arrow === undefined) return [label(step)]
    const via = arrow.side === undefined ? '' : `(${arrow.side}) `
    return [label(step), ...(isHead(next) ? [via + label(next)] : follow(next).map((part, index) => (index === 0 ? via + part : part)))]
  }
  const fromHeads = steps
    .filter(isHead)
    .flatMap((step) => (step.next.length === 0 && step.kind !== 'source' ? [] : [follow(step).join(' -> ')]))
  const fromForks = steps
    .filter((step) => step.next.length > 1)
    .flatMap((step) =>
      step.next.map(({ to, side }) => {
        const next = byId.get(to)
        const rest = next === undefined ? [to] : isHead(next) ? [label(next)] : follow(next)
        return [`${label(step)}${side === undefined ? '' : ` (${side})`}`, ...rest].join(' -> ')
      }),
    )
  return [...fromHeads, ...fromForks]
}
