/**
 * What members tell each other through the group: JSON, so that an older or newer release can read it. Fields may be missing: an older
 * release knows nothing of standbys, and says of its stores the names only. Pure.
 */
import type { Candidate } from './assignor.ts'
import { isRecord } from '../json.ts'
import type { MemberOf } from '../ports/log.ts'

export interface MemberData {
  readonly running: readonly string[]
  /** Tasks whose store is kept here, with the sum of its changelog positions. */
  readonly stores: ReadonlyMap<string, number>
  readonly following: readonly string[]
  /** Its disk fails: others should have its tasks. */
  readonly unwell: boolean
}

/** Of a member that has not looked at its disk yet. */
export const NOTHING_HELD: MemberData = { running: [], stores: new Map(), following: [], unwell: false }

/** Names of tasks. */
export interface GivenTasks {
  readonly active: readonly string[]
  readonly standby: readonly string[]
}

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [])

export const encodeMember = ({ running, stores, following, unwell }: MemberData): Uint8Array =>
  Buffer.from(JSON.stringify({ running, kept: [...stores.keys()], progress: Object.fromEntries(stores), following, unwell }))

/** Who may get tasks: those whose disks are well; if there are none, all. */
export function candidatesOf(members: readonly MemberOf[]): Candidate[] {
  const isWell = ({ userData }: MemberOf): boolean => {
    const data = parse(userData)
    return !isRecord(data) || data['unwell'] !== true
  }
  const well = members.filter(isWell)
  return decodeMembers(well.length === 0 ? members : well)
}

export const decodeMembers = (members: readonly MemberOf[]): Candidate[] =>
  members.map(({ memberId, userData }) => {
    const data = parse(userData)
    if (!isRecord(data)) return { memberId, running: [], stores: new Map<string, number>(), following: [] }
    const progress = isRecord(data['progress']) ? data['progress'] : {}
    const stores = new Map(textsOf(data['kept']).map((task) => [task, numberOf(progress[task])]))
    return { memberId, running: textsOf(data['running']), stores, following: textsOf(data['following']) }
  })

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)

export const encodeTasks = ({ active, standby }: GivenTasks): Uint8Array => Buffer.from(JSON.stringify({ tasks: active, standby }))

export function decodeTasks(userData: Uint8Array): GivenTasks {
  const data = parse(userData)
  return isRecord(data) ? { active: textsOf(data['tasks']), standby: textsOf(data['standby']) } : { active: [], standby: [] }
}
