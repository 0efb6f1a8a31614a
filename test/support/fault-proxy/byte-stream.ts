/** Frames out of a stream of bytes, and frames into a stream at a given speed. */
import type { Socket } from 'node:net'

const LENGTH_BYTES = 4
/** A throttled stream is written in steps of this time, ms. */
const STEP_MS = 50

/** Cuts a stream into frames: four bytes of length, then so many bytes. Linear also for large frames. */
export class FrameSplitter {
  #chunks: Buffer[] = []
  #bytes = 0

  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const frames: Buffer[] = []
    for (;;) {
      if (this.#bytes < LENGTH_BYTES) return frames
      const length = this.#head(LENGTH_BYTES).readInt32BE(0)
      if (this.#bytes < LENGTH_BYTES + length) return frames
      const all = this.#head(LENGTH_BYTES + length)
      frames.push(all.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
      this.#chunks =
        all.length > LENGTH_BYTES + length ? [all.subarray(LENGTH_BYTES + length), ...this.#chunks.slice(1)] : this.#chunks.slice(1)
      this.#bytes -= LENGTH_BYTES + length
    }
  }

  /** The first chunk, made so large. */
  #head(bytes: number): Buffer {
    const [first] = this.#chunks
    if (first !== undefined && first.length >= bytes) return first
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }
}

/** Writes frames in order, at most so many bytes a second while there is a speed. */
export class PacedWriter {
  readonly #socket: Socket
  readonly #bytesPerSecond: () => number | undefined
  #waiting: Buffer[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(socket: Socket, bytesPerSecond: () => number | undefined) {
    this.#socket = socket
    this.#bytesPerSecond = bytesPerSecond
  }

  write(frame: Buffer): void {
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeInt32BE(frame.length)
    if (this.#waiting.length === 0 && this.#bytesPerSecond() === undefined) {
      this.#socket.cork()
      this.#socket.write(length)
      this.#socket.write(frame)
      this.#socket.uncork()
      return
    }
    this.#waiting.push(length, frame)
    this.#timer ??= setInterval(() => this.#step(), STEP_MS)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#waiting = []
  }

  #step(): void {
    const speed = this.#bytesPerSecond()
    let left = speed === undefined ? Infinity : Math.max(1, Math.round((speed * STEP_MS) / 1_000))
    for (let [next] = this.#waiting; next !== undefined && left > 0; [next] = this.#waiting) {
      const part = next.subarray(0, left)
      this.#socket.write(part)
      left -= part.length
      if (part.length === next.length) this.#waiting.shift()
      else this.#waiting[0] = next.subarray(part.length)
    }
    if (this.#waiting.length > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
