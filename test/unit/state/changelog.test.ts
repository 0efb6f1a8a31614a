import { describe, expect, it } from '@jest/globals'
import { decodeEpoch, encodeEpoch, encodeUser, fenceKey, resetChangelogRecord, userChangelogRecord } from '../../../libs/state/changelog.ts'
import { readChangelogRecord } from '../../support/changelog-records.ts'

describe('changelog records', () => {
  it('come back as they were written', () => {
    const change = { key: Buffer.from('k'), value: Buffer.from('v') }
    const written = userChangelogRecord(change, 300, 7)
    expect(written.timestamp).toBe(7)
    expect(readChangelogRecord(written)).toEqual({ kind: 'user', key: Buffer.from('k'), value: Buffer.from('v'), epoch: 300 })
    expect(readChangelogRecord(userChangelogRecord({ ...change, value: null }, 1, 7)).value).toBeNull()
    expect(readChangelogRecord(resetChangelogRecord(2, 7))).toMatchObject({ kind: 'reset', epoch: 2 })
    expect(readChangelogRecord({ key: fenceKey, value: Buffer.from('nonce'), headers: [] })).toMatchObject({ kind: 'fence', epoch: 0 })
  })

  it('a user key equal to the fence or reset key cannot take their place (hole H4)', () => {
    for (const key of [Buffer.from([0]), Buffer.from([1]), Buffer.from([2]), Buffer.alloc(0)]) {
      expect(readChangelogRecord({ key: encodeUser(key), value: null, headers: [] })).toMatchObject({ kind: 'user', key })
    }
  })

  it('a reset record is no tombstone: compaction keeps it', () => {
    expect(resetChangelogRecord(2, 7).value).not.toBeNull()
  })

  it('records of one epoch share one array of headers', () => {
    const change = { key: Buffer.from('k'), value: null }
    expect(userChangelogRecord(change, 4, 0).headers).toBe(userChangelogRecord(change, 4, 1).headers)
    expect(userChangelogRecord(change, 5, 0).headers).not.toBe(userChangelogRecord(change, 4, 1).headers)
  })

  it.each([0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 40])('epoch %d survives its varint', (epoch) => {
    expect(decodeEpoch(encodeEpoch(epoch))).toBe(epoch)
  })

  it.each([null, Buffer.alloc(0), Buffer.from([3]), Buffer.from('{"a":1}')])('a foreign record stops the task: key %p', (key) => {
    expect(() => readChangelogRecord({ key, value: null, headers: [] })).toThrow(
      expect.objectContaining({ code: 'MR4011', action: 'stop-task' }),
    )
  })
})
