/**
 * Answers as they come from a socket: a size (i32), then so many bytes. Each answer has memory of its own from the moment its size is
 * known, and a large one is received there: nothing is collected in pieces and joined.
 *
 *     room  →  the socket writes there  →  take(what it wrote)  →  the answers that are complete
 */
import { ANSWER_BYTES_MAX } from '../limits.ts'

/** Before each request and answer. */
export const SIZE_BYTES = 4
/** An answer begins with the id of its request. */
export const CORRELATION_BYTES = 4
const ROOM_BYTES = 64 * 1024

/** What every socket of this thread writes into first; it is empty again before the next one writes. */
let shared: Buffer | undefined

export class AnswerFrames {
  readonly #size = Buffer.alloc(SIZE_BYTES)
  /** Of the size. */
  #known = 0
  #answer: Buffer | undefined
  /** Of the answer. */
  #filled = 0

  /** Where the next bytes may be written: into the answer that is on its way, if much of it is still to come. */
  room(): Uint8Array {
    const answer = this.#answer
    if (answer !== undefined && answer.length - this.#filled >= ROOM_BYTES) return answer.subarray(this.#filled)
    return (shared ??= Buffer.allocUnsafeSlow(ROOM_BYTES))
  }

  /** The answers that these bytes complete, in order. Throws where no answer can be so large: the other side is no Kafka. */
  take(bytes: Uint8Array): readonly Buffer[] {
    const complete: Buffer[] = []
    let at = 0
    while (at < bytes.length) {
      at += this.#answer === undefined ? this.#takeSize(bytes, at) : this.#takePart(this.#answer, bytes, at)
      if (this.#answer?.length !== this.#filled) continue
      complete.push(this.#answer)
      this.#answer = undefined
      this.#known = 0
    }
    return complete
  }

  #takeSize(bytes: Uint8Array, at: number): number {
    const part = bytes.subarray(at, at + SIZE_BYTES - this.#known)
    this.#size.set(part, this.#known)
    this.#known += part.length
    if (this.#known === SIZE_BYTES) {
      const size = this.#size.readInt32BE()
      if (size < CORRELATION_BYTES || size > ANSWER_BYTES_MAX)
        throw new RangeError(`an answer of ${size} bytes: this is no Kafka broker, or it expects TLS`)
      this.#answer = Buffer.allocUnsafe(size)
      this.#filled = 0
    }
    return part.length
  }

  #takePart(answer: Buffer, bytes: Uint8Array, at: number): number {
    const part = bytes.subarray(at, at + answer.length - this.#filled)
    const isThere = part.buffer === answer.buffer && part.byteOffset === answer.byteOffset + this.#filled
    if (!isThere) answer.set(part, this.#filled)
    this.#filled += part.length
    return part.length
  }
}
