/** What members tell each other through the group: JSON, so that an older or newer release can read it. Pure. */
import type { Candidate } from './assignor.ts'
import { isRecord } from '../json.ts'
import type { MemberOf } from '../ports/log.ts'

export interface MemberData {
  readonly running: readonly string[]
  readonly kept: readonly string[]
}

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [])

export const encodeMember = (data: MemberData): Uint8Array => Buffer.from(JSON.stringify(data))

export const decodeMembers = (members: readonly MemberOf[]): Candidate[] =>
  members.map(({ memberId, userData }) => {
    const data = parse(userData)
    return { memberId, running: isRecord(data) ? textsOf(data['running']) : [], kept: isRecord(data) ? textsOf(data['kept']) : [] }
  })

export const encodeTasks = (tasks: readonly string[]): Uint8Array => Buffer.from(JSON.stringify({ tasks }))

export function decodeTasks(userData: Uint8Array): string[] {
  const data = parse(userData)
  return isRecord(data) ? textsOf(data['tasks']) : []
}
