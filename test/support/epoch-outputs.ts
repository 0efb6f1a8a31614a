/** The outputs of chained-rides.ts, by the epoch that their header says. */
import type { Header } from '../../libs/runtime/ports/log.ts'
import { chains, perPage } from './chained-rides.ts'
import type { MemoryApplication } from './memory-application.ts'

export interface EpochOutputs {
  /** User → epoch → links in order. */
  readonly chains: ReadonlyMap<string, ReadonlyMap<number, readonly string[]>>
  /** Epoch → finals as JSON, sorted. */
  readonly finals: ReadonlyMap<number, readonly string[]>
  /** Users whose results go back to an older epoch. */
  readonly backwards: readonly string[]
}

export async function readEpochs(app: MemoryApplication, stages: 1 | 2): Promise<EpochOutputs> {
  const found = new Map<string, Map<number, string[]>>()
  const backwards: string[] = []
  for (const { key, value, headers } of await app.read(chains.topic)) {
    const user = Buffer.from(key ?? []).toString()
    const epoch = epochIn(headers)
    const { n, hash } = JSON.parse(Buffer.from(value ?? []).toString()) as { n: number; hash: string } // Written by the topology.
    const byEpoch = found.get(user) ?? new Map<number, string[]>()
    found.set(user, byEpoch)
    if (epoch < Math.max(0, ...byEpoch.keys())) backwards.push(`${user} goes back to epoch ${epoch}`)
    byEpoch.set(epoch, [...(byEpoch.get(epoch) ?? []), `${n} ${hash}`])
  }
  const finals = new Map<number, string[]>()
  for (const { value, headers } of stages === 1 ? [] : await app.read(perPage.topic)) {
    const epoch = epochIn(headers)
    finals.set(epoch, [...(finals.get(epoch) ?? []), JSON.stringify(JSON.parse(Buffer.from(value ?? []).toString()))].toSorted())
  }
  return { chains: found, finals, backwards }
}

const epochIn = (headers: readonly Header[]): number => Number(textOf(headers.find(([name]) => name === 'millrace')).split('/')[1])
const textOf = (header: Header | undefined): string => Buffer.from(header?.[1] ?? []).toString()
