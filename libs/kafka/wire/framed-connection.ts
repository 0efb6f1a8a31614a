/**
 * A connection of kafkajs that gets its requests from us and gives us the answers: the frame of a request goes to the socket in the parts in
 * which it was written, an answer is received where it stays (over TLS: copied there). kafkajs copies each request twice, into memory that it
 * fills with zeros before, and joins an answer of pieces of 64 KiB.
 */
import type { Socket } from 'node:net'
import { isIP, connect as tcpConnect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { assert } from '../../faults/fault.ts'
import { AnswerFrames, CORRELATION_BYTES, SIZE_BYTES } from './answer-frames.ts'
import type { Api } from './api.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { Connection, type Answered, type KafkajsConnectionOptions, type SocketTarget } from './kafkajs.ts'

const KEEP_ALIVE_MS = 60_000

export class FramedConnection extends Connection {
  readonly #frames: AnswerFrames
  #isEnding = false

  constructor(options: Omit<KafkajsConnectionOptions, 'socketFactory'>) {
    const frames = new AnswerFrames()
    super({ ...options, socketFactory: (target) => openSocket(target, frames) })
    this.#frames = frames
  }

  /** From here on nothing is sent: kafkajs has looked whether answers are due, and waits for no more of them. */
  override async disconnect(): Promise<boolean> {
    this.#isEnding = true
    return await super.disconnect()
  }

  /** `timeoutMs` only lengthens the usual one. Rejects with what kafkajs makes of a lost connection and a time-out. */
  async ask<Request, Answer>(api: Api<Request, Answer>, request: Request, timeoutMs: number): Promise<Answer> {
    const correlationId = this.nextCorrelationId()
    const parts = frameOf(api, request, correlationId, this.clientId)
    const { payload } = await new Promise<Answered>((resolve, reject) => {
      this.failIfNotConnected()
      // For kafkajs it is still connected then.
      if (this.#isEnding) throw new Error('the connection is being closed')
      this.requestQueue.push({
        entry: { apiKey: api.key, apiName: api.name, apiVersion: api.version, correlationId, resolve, reject },
        expectResponse: true,
        requestTimeout: timeoutMs,
        sendRequest: () => this.#write(parts),
      })
    })
    const reader = new ByteReader(payload)
    if (api.flexible) reader.skipTags()
    // Brokers hold a throttled connection back by themselves (KIP-219): nothing to do here.
    return api.read(reader)
  }

  /** Called by kafkajs with what the socket has received; `bytes` are overwritten afterwards. */
  override processData(bytes: Uint8Array): void {
    try {
      for (const answer of this.#frames.take(bytes)) {
        this.requestQueue.fulfillRequest({
          size: answer.length,
          correlationId: answer.readInt32BE(),
          payload: answer.subarray(CORRELATION_BYTES),
        })
      }
    } catch (error) {
      this.socket?.destroy(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** As one write, where the socket can. */
  #write(parts: readonly Uint8Array[]): void {
    const { socket } = this
    assert(socket !== undefined, 'a connection has a socket')
    socket.cork()
    for (const part of parts) socket.write(part)
    socket.uncork()
  }
}

/** size i32 | key i16 | version i16 | correlation i32 | client id | tags, in flexible versions | the request */
function frameOf<Request, Answer>(
  api: Api<Request, Answer>,
  request: Request,
  correlationId: number,
  clientId: string,
): readonly Uint8Array[] {
  const writer = new ByteWriter().int16(api.key).int16(api.version).int32(correlationId).string(clientId)
  if (api.flexible) writer.noTags()
  api.write(writer, request)
  return [...new ByteWriter(SIZE_BYTES).int32(writer.size).parts, ...writer.parts]
}

/** Without Nagle's delay: small requests follow each other, and each would wait for the acknowledgement of the one before. */
function openSocket({ host, port, ssl, onConnect }: SocketTarget, frames: AnswerFrames): Socket {
  const socket = ssl
    ? tlsConnect({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : tcpConnect({ host, port, onread: { buffer: () => frames.room(), callback: receive } }, onConnect)
  function receive(size: number, room: Uint8Array): boolean {
    socket.emit('data', room.subarray(0, size))
    return true
  }
  socket.setNoDelay(true)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  return socket
}
