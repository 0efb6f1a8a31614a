import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { AnswerFrames } from '../../../libs/kafka/wire/answer-frames.ts'
import { ANSWER_BYTES_MAX } from '../../../libs/kafka/limits.ts'

function framed(answer: Uint8Array): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(answer.length)
  return Buffer.concat([size, answer])
}
const sizeOf = (size: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(size)
  return bytes
}

/** As a socket does: it writes where there is room, as much as has come. */
function receive(frames: AnswerFrames, stream: Buffer, pieces: readonly number[]): Buffer[] {
  const answers: Buffer[] = []
  for (let at = 0, turn = 0; at < stream.length; turn += 1) {
    const room = frames.room()
    const size = Math.min(room.length, pieces[turn % pieces.length] ?? 1, stream.length - at)
    room.set(stream.subarray(at, at + size))
    answers.push(...frames.take(room.subarray(0, size)))
    at += size
  }
  return answers
}

describe('answers as they come from a socket', () => {
  const answers = fc.array(fc.integer({ min: 4, max: 300_000 }), { minLength: 1, maxLength: 6 })
  const pieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1_000, max: 200_000 })), {
    minLength: 1,
    maxLength: 5,
  })

  it('are the same however they are cut', () => {
    fc.assert(
      fc.property(answers, pieces, fc.boolean(), (sizes, cuts, inRoom) => {
        const sent = sizes.map((size, index) => Buffer.alloc(size, `${index}abc`))
        const stream = Buffer.concat(sent.map(framed))
        // A single byte at a time for a megabyte proves no more than for its beginning.
        const steps = stream.length > 50_000 ? cuts.map((cut) => cut + 1_000) : cuts
        const frames = new AnswerFrames()
        const got = inRoom ? receive(frames, stream, steps) : [...frames.take(stream)]
        expect(got.map((one) => one.length)).toEqual(sizes)
        expect(got.every((one, index) => one.equals(sent[index] ?? Buffer.alloc(0)))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('are received where they stay, when they are large', () => {
    const frames = new AnswerFrames()
    frames.take(sizeOf(1_000_000))
    const room = frames.room()
    expect(room.length).toBe(1_000_000)
    expect(frames.take(room.subarray(0, 400_000))).toEqual([])
    const rest = frames.room()
    expect(rest.length).toBe(600_000)
    const [answer] = frames.take(rest)
    expect(answer?.buffer).toBe(room.buffer)
    expect(answer?.length).toBe(1_000_000)
  })

  it('do not mix, when two sockets of a thread receive in turn', () => {
    const [one, other] = [new AnswerFrames(), new AnswerFrames()]
    const [first, second] = [framed(Buffer.alloc(900, 'a')), framed(Buffer.alloc(900, 'b'))]
    const got: Buffer[] = []
    for (let at = 0; at < first.length; at += 100) {
      got.push(...receive(one, first.subarray(at, at + 100), [100]), ...receive(other, second.subarray(at, at + 100), [100]))
    }
    expect(got.map((answer) => answer.toString())).toEqual(['a'.repeat(900), 'b'.repeat(900)])
  })

  it('keep their bytes when the next ones come into the same room', () => {
    const frames = new AnswerFrames()
    const [first] = receive(frames, framed(Buffer.from('first')), [9])
    receive(frames, framed(Buffer.from('other')), [9])
    expect(first?.toString()).toBe('first')
  })

  it.each([
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request')],
    ['a TLS alert', Buffer.from([0x15, 3, 3, 0, 2, 2, 40])],
    ['nothing', sizeOf(0)],
    ['less than the id of a request', sizeOf(3)],
    ['less than nothing', sizeOf(-1)],
    ['more than any answer', sizeOf(ANSWER_BYTES_MAX + 1)],
  ])('are not those of Kafka where the size is that of %s', (_, bytes) => {
    expect(() => new AnswerFrames().take(bytes)).toThrow('this is no Kafka broker, or it expects TLS')
  })
})
