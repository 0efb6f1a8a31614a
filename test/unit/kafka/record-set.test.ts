import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { Fault } from '../../../libs/faults/fault.ts'
import { encodeBatch } from '../../../libs/kafka/codec/batch-encoder.ts'
import { PackedOutgoing } from '../../../libs/runtime/ports/packed-outgoing.ts'
import * as layout from '../../../libs/kafka/codec/batch-header.ts'
import { packerOf } from '../../../libs/kafka/codec/compression.ts'
import { decodeRecordSet, extentOf } from '../../../libs/kafka/codec/record-set.ts'
import type { Header, LogRecord, OutgoingRecord, Records } from '../../../libs/runtime/ports/log.ts'
import { batch, batches, decoded, marker, place, record, resealed } from './batches.ts'

const bare = ({ key, value, timestamp, headers }: OutgoingRecord | LogRecord): unknown => ({
  key: key && [...key],
  value: value && [...value],
  timestamp,
  headers: headers.map(([name, bytes]) => [name, [...bytes]]),
})

const bytes = fc.uint8Array({ maxLength: 300 })
const header = fc.tuple(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', '')), bytes)
const anyRecord = fc.record({
  key: fc.option(bytes, { nil: null }),
  value: fc.option(bytes, { nil: null }),
  timestamp: fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), fc.constantFrom(-1, 0, Number.MAX_SAFE_INTEGER)),
  headers: fc.array(header, { maxLength: 4 }),
})

const faultIn = (work: () => unknown): Fault => {
  try {
    work()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** Copies, since what is shown is the log's. */
function looked(records: Records, from: number, to: number): unknown[] {
  const seen: unknown[] = []
  records.look(from, to, (memory, keyFrom, keySize, valueFrom, valueSize, headers) => {
    const part = (at: number, size: number): Buffer | null => (size < 0 ? null : Buffer.from(memory.subarray(at, at + size)))
    seen.push({ key: part(keyFrom, keySize), value: part(valueFrom, valueSize), headers })
  })
  return seen
}

describe('the records of an answer', () => {
  it('are the same however they are asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyRecord, { maxLength: 6 }), { maxLength: 5 }), fc.array(fc.nat(30)), (groups, asked) => {
        const bytes = Buffer.concat(groups.filter((group) => group.length > 0).map((group, nth) => batches(10 * nth, group)))
        const records = decodeRecordSet(bytes, 2, [], place)
        const all = [...records]
        expect(records).toHaveLength(all.length)
        for (const index of asked) {
          expect(records.offsetAt(index)).toBe(all[index]?.offset)
          expect(records.timestampAt(index)).toBe(all[index]?.timestamp)
          expect(records.slice(index, index + 4)).toEqual(all.slice(index, index + 4))
          expect(looked(records, index, index + 4)).toEqual(
            all.slice(index, index + 4).map(({ key, value, headers }) => ({ key, value, headers })),
          )
        }
      }),
    )
  })
})

describe('a record batch', () => {
  it('is read back as it was written, whatever keys, values, timestamps and headers', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 20 }), fc.nat(), (records, offset) => {
        const read = decoded(batches(offset, records), offset, [], place)
        expect(read.map(bare)).toEqual(records.map(bare))
        expect(read.map((one) => one.offset)).toEqual(records.map((_, index) => offset + index))
      }),
      { numRuns: 300 },
    )
  })

  it('keeps the headers of each record where equal ones stand behind none', () => {
    const headers: readonly Header[] = [['trace', Buffer.from('7')]]
    const records = [headers, [], headers, headers, []].map((some) => ({ ...record('x'), headers: some }))
    expect(decoded(batches(0, records), 0, [], place).map(bare)).toEqual(records.map(bare))
  })

  it('is split before it would be larger than the limit, and a record that is larger goes alone', () => {
    const records = PackedOutgoing.of([10, 10, 5_000, 10, 900, 900].map((size) => record('x'.repeat(size))))
    const options = { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true, bytesMax: 1_000 }

    const counts: number[] = []
    for (let from = 0; from < records.length; from += counts.at(-1) ?? 0) counts.push(encodeBatch(records, from, options).count)

    expect(counts).toEqual([2, 1, 2, 1])
  })

  it('encodes headers anew in the next batch when the caller has changed the same array', () => {
    const headers: Header[] = [['name', Buffer.from('one')]]
    const first = batch(0, [record('a', { headers })])
    headers[0] = ['name', Buffer.from('two')]
    const second = batch(1, [record('b', { headers })])

    const read = decoded(Buffer.concat([first, second]), 0, [], place)

    expect(read.map(({ headers: [one] }) => Buffer.from(one?.[1] ?? []).toString())).toEqual(['one', 'two'])
  })

  it('with 5,000 headers is read in linear time', () => {
    const headers = Array.from({ length: 5_000 }, (_, index) => [`h${index}`, Buffer.from('x')] as const)
    const written = batch(0, [record('v', { headers })])
    const begin = performance.now()

    const read = decoded(written, 0, [], place)

    expect(read[0]?.headers).toHaveLength(5_000)
    // The decoder of kafkajs takes seconds.
    expect(performance.now() - begin).toBeLessThan(200)
  })

  it('takes the append time of the broker where the topic says so', () => {
    const written = batch(0, [record('a', { timestamp: 5 }), record('b', { timestamp: 9 })], { attributes: layout.LOG_APPEND_TIME })

    expect(decoded(written, 0, [], place).map(({ timestamp }) => timestamp)).toEqual([9, 9])
  })
})

describe('an answer to a fetch', () => {
  const answer = Buffer.concat([batch(5, [record('a'), record('b'), record('c')]), marker(8, 1, 'commit'), batch(9, [record('d')])])

  it('is delivered from the position that was asked for, also in the middle of a batch', () => {
    expect(decoded(answer, 6, [], place).map(({ offset }) => offset)).toEqual([6, 7, 9])
  })

  it('reaches behind its last whole batch, marker or not; a cut batch tells how many bytes it needs', () => {
    const last = batch(9, [record('d')])

    expect(extentOf(answer, 6, place)).toEqual({ next: 10, bytesNeeded: 0 })
    expect(extentOf(answer.subarray(0, answer.length - 1), 6, place)).toEqual({ next: 9, bytesNeeded: 0 })
    expect(extentOf(last.subarray(0, 20), 9, place)).toEqual({ next: 9, bytesNeeded: last.length })
    expect(extentOf(Buffer.alloc(0), 9, place)).toEqual({ next: 9, bytesNeeded: 0 })
    expect(decoded(answer.subarray(0, answer.length - 1), 6, [], place).map(({ offset }) => offset)).toEqual([6, 7])
  })

  it('reaches behind a batch that compaction has emptied or thinned out', () => {
    const thin = batch(20, [record('a'), record('b')])
    thin.writeInt32BE(9, layout.LAST_OFFSET_DELTA_AT)
    resealed(thin)

    expect(extentOf(thin, 20, place).next).toBe(30)
    expect(decoded(thin, 20, [], place).map(({ offset }) => offset)).toEqual([20, 21])
  })

  it('with any bit turned is a fault that names topic, partition and offset, never another record', () => {
    fc.assert(
      fc.property(fc.nat({ max: answer.length * 8 - 1 }), (bit) => {
        const damaged = Buffer.from(answer)
        const at = bit >> 3
        // Offset, length and leader epoch lie outside the checksum: the broker vouches for them.
        fc.pre(![0, batch(5, [record('a'), record('b'), record('c')]).length].some((start) => at >= start && at < start + 16))
        fc.pre(at < answer.length - batch(9, [record('d')]).length)
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7))
        const fault = faultIn(() => decoded(damaged, 5, [], place))
        expect(['MR3028', 'MR3029']).toContain(fault.code)
        expect(fault.place).toMatchObject(place)
        expect(fault.action).toBe('stop-task')
      }),
      { numRuns: 300 },
    )
  })

  it('whose bytes lie about lengths and counts, with a right checksum, is a fault too and ends quickly', () => {
    fc.assert(
      fc.property(fc.integer({ min: layout.COUNT_AT, max: 90 }), fc.nat({ max: 255 }), (at, value) => {
        const lying = batch(5, [record('abc', { key: Buffer.from('k'), headers: [['h', Buffer.from('v')]] }), record('def')])
        if (lying[at] === value) return
        lying[at] = value
        try {
          for (const { key, value: read } of decoded(resealed(lying), 5, [], place)) {
            expect((key?.length ?? 0) + (read?.length ?? 0)).toBeLessThan(lying.length)
          }
        } catch (error) {
          expect(error).toMatchObject({ name: 'Fault', code: 'MR3028' })
        }
      }),
      { numRuns: 500 },
    )
  })

  it('in an old message format, or by an unknown codec, is a fault that says so', () => {
    const old = batch(5, [record('a')])
    old[layout.MAGIC_AT] = 1
    const strange = batch(5, [record('a')], { attributes: 5 })

    expect(faultIn(() => extentOf(old, 5, place))).toMatchObject({ code: 'MR3029', place: { ...place, offset: 5 } })
    expect(faultIn(() => decoded(strange, 5, [], place))).toMatchObject({ code: 'MR3030', place: { ...place, offset: 5 } })
  })
})

describe('compressed batches of the Java producer', () => {
  const vectors: { count: number; sha256: string; codecs: Record<string, string> } = JSON.parse(
    readFileSync(new URL('vectors/compressed-batches.json', import.meta.url), 'utf8'),
  )

  it.each(Object.entries(vectors.codecs))('by %s are read', (_codec, base64) => {
    const read = decoded(Buffer.from(base64, 'base64'), 0, [], place)

    const lines = read.map(({ key, value }) => `${Buffer.from(key ?? []).toString()}\t${Buffer.from(value ?? []).toString()}`)
    expect(read).toHaveLength(vectors.count)
    expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(vectors.sha256)
  })

  it.each(Object.entries(vectors.codecs))('by %s that are damaged behind a right checksum are a fault, not a crash', (_codec, base64) => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat({ max: 255 }), (share, value) => {
        const damaged = Buffer.from(base64, 'base64')
        const { end } = layout.readBatchHeader(damaged, 0, place) ?? { end: 0 }
        const one = damaged.subarray(0, end)
        one[layout.BATCH_HEADER_BYTES + Math.floor((end - layout.BATCH_HEADER_BYTES) * share)] = value
        try {
          decoded(resealed(one), 0, [], place)
        } catch (error) {
          expect(error).toMatchObject({ name: 'Fault', code: 'MR3028' })
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('batches that are written compressed by %s', (compression) => {
  const packer = packerOf(compression)
  /** Pieces that come again, near and far, and noise: literals and matches of all lengths. */
  const piece = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.constantFrom('', 'a', '{"customer":"', '"amount":', 'x'.repeat(70), 'ab'.repeat(300)),
    fc.uint8Array({ maxLength: 300 }).map((noise) => Buffer.from(noise).toString('latin1')),
  )
  const value = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))

  it('are read back as they were written', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (values) => {
        const records = values.map((one) => record(one))
        expect(decoded(batch(7, records, { packer }), 7, [], place).map(bare)).toEqual(records.map(bare))
      }),
      { numRuns: 150 },
    )
  })

  it('are smaller, say by what, hold more when they are unpacked, and may have many blocks', () => {
    const records = Array.from({ length: 5_000 }, (_, index) => record(`{"customer":"customer-${index % 97}","amount":${index * 7}}`))
    const plain = batch(0, records)
    const small = batch(0, records, { packer })
    const unpacked = { bytes: 0 }
    expect(plain.length).toBeGreaterThan(3 * 64 * 1024)
    expect(small.length).toBeLessThan(plain.length / 2.5)
    expect(small.readInt16BE(layout.ATTRIBUTES_AT) & layout.COMPRESSION_MASK).toBe(packer?.codec)
    expect(decoded(small, 0, [], place, unpacked).map(bare)).toEqual(records.map(bare))
    expect(unpacked.bytes).toBe(plain.length - layout.BATCH_HEADER_BYTES)
  })

  it('stay as they are where that is not smaller, or where there is next to nothing', () => {
    const noise = record(null, { value: randomBytes(200_000) })
    for (const one of [noise, record('a')]) {
      const written = batch(0, [one], { packer })
      expect(written.equals(batch(0, [one]))).toBe(true)
    }
  })

  it('may hold a block that cannot be packed among others', () => {
    const records = [record('a'.repeat(100_000)), record(null, { value: randomBytes(150_000) }), record('b'.repeat(100_000))]
    const written = batch(0, records, { packer })
    expect(written.length).toBeLessThan(170_000)
    expect(decoded(written, 0, [], place).map(bare)).toEqual(records.map(bare))
  })
})
