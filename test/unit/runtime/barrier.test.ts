import { describe, expect, it } from '@jest/globals'
import { compare } from '../../../libs/runtime/acquire/barrier.ts'
import type { BarrierFacts, PartitionFacts } from '../../../libs/runtime/acquire/barrier.ts'
import type { CommitRecord } from '../../../libs/runtime/task/commit-record.ts'

const STATE = 'life-1'
const record = (positions: Record<string, number>, change: Partial<CommitRecord> = {}): CommitRecord => ({
  stateId: STATE,
  epoch: 1,
  n: 7,
  status: 'running',
  positions,
  watermarks: {},
  markersIn: {},
  markerOut: undefined,
  identity: {},
  firstNeeded: {},
  changelogEnds: {},
  role: 'live',
  switchId: -1,
  cutsIn: {},
  acquisition: '',
  ...change,
})
const part = (id: string, committed: PartitionFacts['committed'], change: Partial<PartitionFacts> = {}): PartitionFacts => ({
  id,
  committed,
  logStart: 0,
  logEnd: 100,
  firstRunPosition: 0,
  identity: 'same',
  ...change,
})
const ours = (position: number, n = 7, epoch = 1, stateId = STATE): PartitionFacts['committed'] => ({
  position,
  marker: { stateId, epoch, n },
})
const announcedAt = (position: number, epoch: number): PartitionFacts['committed'] => ours(position, 0, epoch)
const moved = (position: number): PartitionFacts['committed'] => ({ position, marker: undefined })
const facts = (change: Partial<BarrierFacts>): BarrierFacts => ({
  stateId: STATE,
  commitRecord: record({ 'a:0': 10 }),
  ranBefore: true,
  partitions: [part('a:0', ours(10))],
  announced: undefined,
  manyStages: false,
  onSkip: 'stop',
  onGap: 'fail',
  ...change,
})
const decide = (change: Partial<BarrierFacts>): unknown => {
  const decision = compare(facts(change))
  const plain = (one: object): unknown =>
    'positions' in one && one.positions instanceof Map ? { ...one, positions: Object.fromEntries(one.positions) } : one
  if (decision.kind === 'ask-again') return { ...decision, instead: plain(decision.instead) }
  if (decision.kind === 'ask-all') return { ...decision, otherwise: plain(decision.otherwise) }
  return plain(decision)
}
const run = (positions: Record<string, number>, commit: boolean): unknown => expect.objectContaining({ kind: 'run', positions, commit })

describe('the comparison of the acquire barrier (engine.md 3, every row)', () => {
  it.each(['halted', 'retired', 'ended'] as const)('stays when the commit record says %s, whatever C is', (status) => {
    expect(decide({ commitRecord: record({ 'a:0': 10 }, { status }), partitions: [part('a:0', moved(0))] })).toEqual({
      kind: 'stay',
      status,
    })
  })
  it('runs when C is ours and equals S', () => {
    expect(decide({})).toEqual(run({ 'a:0': 10 }, false))
  })
  it('asks again when C is ours but of an older n (H1: stale answers of older brokers)', () => {
    expect(decide({ partitions: [part('a:0', ours(8, 6))] })).toMatchObject({
      kind: 'ask-again',
      instead: { kind: 'run', positions: { 'a:0': 10 }, commit: true },
    })
  })
  it('acquires again when C is ours, same epoch, newer n (H12)', () => {
    expect(decide({ partitions: [part('a:0', ours(12, 8))] })).toEqual({ kind: 'acquire-again' })
  })
  it('resets when C is of an announcement that the control topic did not show yet', () => {
    expect(decide({ partitions: [part('a:0', announcedAt(0, 2))] })).toMatchObject({ kind: 'reset', epoch: 2, positions: { 'a:0': 0 } })
  })
  it('acquires again when only a part of C is of an announcement, or C is of a commit in a newer epoch', () => {
    const commitRecord = record({ 'a:0': 10, 'b:0': 20 })
    expect(decide({ commitRecord, partitions: [part('a:0', announcedAt(0, 2)), part('b:0', ours(20))] })).toEqual({ kind: 'acquire-again' })
    expect(decide({ commitRecord, partitions: [part('a:0', announcedAt(0, 2)), part('b:0', moved(3))] })).toEqual({ kind: 'acquire-again' })
    expect(decide({ partitions: [part('a:0', ours(0, 8, 2))] })).toEqual({ kind: 'acquire-again' })
  })
  describe('an announced epoch that the state has not followed', () => {
    const announced = { stateId: STATE, epoch: 2, positions: { 'a:0': 4 } }
    it('is followed at its start, also where the offsets expired', () => {
      const reset = expect.objectContaining({ kind: 'reset', epoch: 2, positions: { 'a:0': 4 } })
      expect(decide({ announced, partitions: [part('a:0', announcedAt(4, 2))] })).toEqual(reset)
      expect(decide({ announced, partitions: [part('a:0', undefined)] })).toEqual(reset)
    })
    it('is followed in the end where a task that had not heard of it has committed over it', () => {
      expect(decide({ announced, partitions: [part('a:0', ours(12, 8))] })).toMatchObject({
        kind: 'ask-again',
        instead: { kind: 'reset', epoch: 2, positions: { 'a:0': 4 } },
      })
    })
    it('gives way to a second move: to before what the state has read it is a new rewind, forward needs consent (H6a)', () => {
      expect(decide({ announced, partitions: [part('a:0', moved(2))] })).toMatchObject({ kind: 'reset', epoch: 3, positions: { 'a:0': 2 } })
      expect(decide({ announced, partitions: [part('a:0', moved(7))] })).toMatchObject({ kind: 'reset', epoch: 3, positions: { 'a:0': 7 } })
      expect(decide({ announced, partitions: [part('a:0', moved(12))] })).toMatchObject({ kind: 'stop', reason: 'skipped' })
      expect(decide({ announced, onSkip: 'accept', partitions: [part('a:0', moved(12))] })).toMatchObject({
        kind: 'reset',
        epoch: 2,
        positions: { 'a:0': 12 },
        skips: [{ id: 'a:0', from: 4, to: 12 }],
      })
    })
    it('is followed by a task without external inputs, which no offset tells', () => {
      expect(decide({ announced, manyStages: true, partitions: [] })).toMatchObject({ kind: 'reset', epoch: 2, positions: {} })
      expect(decide({ announced, manyStages: true, partitions: [], commitRecord: record({}, { epoch: 2 }) })).toEqual(run({}, false))
    })
    it('is where a task begins that has never run', () => {
      expect(decide({ announced, commitRecord: undefined, ranBefore: false, partitions: [part('a:0', announcedAt(4, 2))] })).toMatchObject({
        kind: 'run',
        epoch: 2,
        positions: { 'a:0': 4 },
        commit: true,
      })
    })
  })
  it('leaves moves of an application with many stages to the whole of it', () => {
    expect(decide({ manyStages: true, partitions: [part('a:0', moved(3))] })).toEqual({ kind: 'announce' })
    expect(decide({ manyStages: true, partitions: [part('a:0', moved(10))] })).toMatchObject({
      kind: 'ask-all',
      otherwise: { kind: 'run', positions: { 'a:0': 10 }, commit: true },
    })
    expect(decide({ manyStages: true, partitions: [part('a:0', moved(11))] })).toMatchObject({
      kind: 'ask-all',
      otherwise: { kind: 'stop', reason: 'skipped' },
    })
  })
  it('stops when C is ours and the state is missing (H2)', () => {
    expect(decide({ commitRecord: undefined })).toEqual({ kind: 'stop', reason: 'state-lost', ids: ['a:0'] })
  })
  it('stops when C carries the state id of another life (H10)', () => {
    expect(decide({ partitions: [part('a:0', ours(10, 7, 1, 'life-0'))] })).toMatchObject({ kind: 'stop', reason: 'state-lost' })
  })
  it('runs from S and commits S when the offsets expired', () => {
    expect(decide({ partitions: [part('a:0', undefined)] })).toEqual(run({ 'a:0': 10 }, true))
  })
  it('runs and commits when somebody set the offsets to where the state stands', () => {
    expect(decide({ partitions: [part('a:0', moved(10))] })).toEqual(run({ 'a:0': 10 }, true))
  })
  it('recognises a rewind by the missing marker, at the whole vector, also where C >= S (H6b, H13)', () => {
    const commitRecord = record({ 'a:0': 10, 'b:0': 20 })
    const partitions = [part('a:0', moved(3)), part('b:0', moved(25))]
    expect(decide({ commitRecord, partitions })).toMatchObject({ kind: 'reset', epoch: 2, positions: { 'a:0': 3, 'b:0': 25 } })
  })
  it('refuses a rewind that leaves out an input with something to replay (H13), and takes one that is empty as moved', () => {
    const commitRecord = record({ 'a:0': 10, 'b:0': 20 })
    expect(decide({ commitRecord, partitions: [part('a:0', moved(3)), part('b:0', ours(20))] })).toEqual({
      kind: 'stop',
      reason: 'partial',
      ids: ['a:0'],
      left: ['b:0'],
    })
    expect(decide({ commitRecord, partitions: [part('a:0', moved(3)), part('b:0', ours(20), { logStart: 20 })] })).toMatchObject({
      kind: 'reset',
      positions: { 'a:0': 3, 'b:0': 20 },
    })
  })
  it('does not take C < S for a rewind while the marker is ours (H1)', () => {
    expect(decide({ partitions: [part('a:0', ours(3, 2))] })).toMatchObject({ kind: 'ask-again' })
  })
  it('stops at a forward move, unless skips are accepted', () => {
    const partitions = [part('a:0', moved(50))]
    expect(decide({ partitions })).toEqual({ kind: 'stop', reason: 'skipped', ids: ['a:0'] })
    expect(decide({ partitions, onSkip: 'accept' })).toMatchObject({
      kind: 'run',
      positions: { 'a:0': 50 },
      commit: true,
      skips: [{ id: 'a:0', from: 10, to: 50 }],
    })
  })
  it('starts a first run where the user set the offsets', () => {
    expect(decide({ commitRecord: undefined, ranBefore: false, partitions: [part('a:0', moved(42))] })).toEqual(run({ 'a:0': 42 }, true))
  })
  it('starts a first run at the configured start, and commits it before a record is processed (H13)', () => {
    expect(decide({ commitRecord: undefined, ranBefore: false, partitions: [part('a:0', undefined, { firstRunPosition: 100 })] })).toEqual(
      run({ 'a:0': 100 }, true),
    )
  })
  it('stops when both are missing although the task has run (H2)', () => {
    expect(decide({ commitRecord: undefined, partitions: [part('a:0', undefined)] })).toMatchObject({ kind: 'stop', reason: 'run-lost' })
  })
  it('starts a partition that was added to a known topic at its earliest record', () => {
    const partitions = [part('a:0', ours(10)), part('b:0', undefined, { logStart: 5, firstRunPosition: 90 })]
    expect(decide({ partitions })).toEqual(run({ 'a:0': 10, 'b:0': 5 }, true))
  })
  it('stops below the log start, unless gaps are accepted, and reports the gap', () => {
    const partitions = [part('a:0', ours(10), { logStart: 30, identity: 'unknown' })]
    expect(decide({ partitions })).toEqual({ kind: 'stop', reason: 'gap', ids: ['a:0'] })
    expect(decide({ partitions, onGap: 'accept-gap' })).toMatchObject({
      kind: 'run',
      positions: { 'a:0': 30 },
      commit: true,
      gaps: [{ id: 'a:0', from: 10, to: 30 }],
    })
  })
  it('stops beyond the log end and when the fingerprint differs: the topic was re-created', () => {
    expect(decide({ partitions: [part('a:0', ours(10), { logEnd: 4 })] })).toEqual({ kind: 'stop', reason: 'recreated', ids: ['a:0'] })
    expect(decide({ partitions: [part('a:0', ours(10), { identity: 'different' })] })).toEqual({
      kind: 'stop',
      reason: 'recreated',
      ids: ['a:0'],
    })
  })
  it('refuses a rewind below the log start, unless gaps are accepted', () => {
    const partitions = [part('a:0', moved(3), { logStart: 5 })]
    expect(decide({ partitions })).toEqual({ kind: 'stop', reason: 'gap', ids: ['a:0'] })
    expect(decide({ partitions, onGap: 'accept-gap' })).toMatchObject({
      kind: 'reset',
      positions: { 'a:0': 5 },
      gaps: [{ id: 'a:0', from: 3, to: 5 }],
    })
  })
  it('checks identity before it believes a rewind', () => {
    expect(decide({ partitions: [part('a:0', moved(3), { identity: 'different' })] })).toMatchObject({ kind: 'stop', reason: 'recreated' })
  })
})
