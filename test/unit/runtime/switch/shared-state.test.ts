import { describe, expect, it } from '@jest/globals'
import { NOTHING_SHARED, decodeShared, encodeShared, foldShared, roleOf } from '../../../../libs/runtime/switch/shared-state.ts'
import type { SharedRecord, SharedState } from '../../../../libs/runtime/switch/shared-state.ts'

const version = (number: number): SharedRecord => ({
  kind: 'version',
  version: number,
  stateId: `life-${number}`,
  sinks: [],
  inputs: ['in'],
  topics: [],
  closeMs: 0,
})
const replay = (number: number): SharedRecord => ({ kind: 'replay', version: number })
const open = (from: number, to: number): SharedRecord => ({
  kind: 'switch',
  from,
  to,
  purpose: 'promote',
  pauseMsMax: 1,
  keepWarm: false,
  at: 0,
})
const decision = (s: number, what: 'flip' | 'abandon'): SharedRecord => ({ kind: 'decision', s, decision: what, why: '', at: 0 })
const cut = (s: number, position: number): SharedRecord => ({ kind: 'cut', s, positions: { 'in:0': position }, watermark: undefined })
/** Offsets are places in the list. */
const fold = (...records: SharedRecord[]): SharedState =>
  records.reduce((state, record, offset) => foldShared(state, offset, record), NOTHING_SHARED)
const roles = (state: SharedState): Record<number, string> =>
  Object.fromEntries([...state.versions].map(([number, { role }]) => [number, role]))

describe('what the versions have agreed on', () => {
  it('makes the first version live and lets the others wait', () => {
    const state = fold(version(1), version(2))
    expect(roles(state)).toEqual({ 1: 'live', 2: 'waiting' })
    expect(roleOf(state, 3)).toBe('waiting')
  })

  it('survives being written and read', () => {
    const record = open(1, 2)
    expect(decodeShared(encodeShared(record))).toEqual(record)
    expect(decodeShared(Buffer.from('what is this'))).toBeUndefined()
    expect(decodeShared(null)).toBeUndefined()
  })

  it('S4: counts the first decision for a switch, whatever follows', () => {
    const flipped = fold(version(1), version(2), replay(2), open(1, 2), decision(3, 'flip'), decision(3, 'abandon'))
    expect(roles(flipped)).toEqual({ 1: 'retired', 2: 'live' })
    const abandoned = fold(version(1), version(2), replay(2), open(1, 2), decision(3, 'abandon'), decision(3, 'flip'))
    expect(roles(abandoned)).toEqual({ 1: 'live', 2: 'shadow' })
    expect(abandoned.ended.get(3)?.decision).toBe('abandon')
  })

  it('S9: abandons an open switch when a newer one begins, and ignores what still comes for the old one', () => {
    const state = fold(version(1), version(2), replay(2), open(1, 2), open(1, 2), cut(3, 7), decision(3, 'flip'))
    expect(state.open?.s).toBe(4)
    expect(state.open?.cut).toBeUndefined()
    expect(state.ended.get(3)?.decision).toBe('abandon')
    expect(roles(state)).toEqual({ 1: 'live', 2: 'shadow' })
  })

  it('opens no switch from a version that is not live, or to one that is not in shadow', () => {
    expect(fold(version(1), version(2), replay(2), open(2, 1)).open).toBeUndefined()
    expect(fold(version(1), version(2), open(1, 2)).open).toBeUndefined()
    expect(fold(version(1), open(1, 1)).open).toBeUndefined()
  })

  it('keeps the first cut of a switch', () => {
    const state = fold(version(1), version(2), replay(2), open(1, 2), cut(3, 7), cut(3, 9))
    expect(state.open?.cut?.positions).toEqual({ 'in:0': 7 })
  })

  it('takes a retired version back as a shadow, and flips the other way round', () => {
    const state = fold(version(1), version(2), replay(2), open(1, 2), decision(3, 'flip'), replay(1), open(2, 1), decision(6, 'flip'))
    expect(roles(state)).toEqual({ 1: 'live', 2: 'retired' })
  })

  it('abandons the switch of a replay that is given up', () => {
    const state = fold(version(1), version(2), replay(2), open(1, 2), { kind: 'give-up', version: 2 }, decision(3, 'flip'))
    expect(roles(state)).toEqual({ 1: 'live', 2: 'given-up' })
    expect(state.ended.get(3)?.decision).toBe('abandon')
  })

  it('forgets a dropped version, never one that is live or in shadow', () => {
    expect(roles(fold(version(1), version(2), { kind: 'dropped', version: 2 }))).toEqual({ 1: 'live' })
    expect(roles(fold(version(1), { kind: 'dropped', version: 1 }))).toEqual({ 1: 'live' })
    expect(roles(fold(version(1), version(2), replay(2), { kind: 'dropped', version: 2 }))).toEqual({ 1: 'live', 2: 'shadow' })
  })

  it('keeps the old version in shadow when it is to stay warm', () => {
    const warm: SharedRecord = { kind: 'switch', from: 1, to: 2, purpose: 'promote', keepWarm: true, at: 0 }
    expect(roles(fold(version(1), version(2), replay(2), warm, decision(3, 'flip')))).toEqual({ 1: 'shadow', 2: 'live' })
  })
})
