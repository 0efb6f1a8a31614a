/**
 * A connection of kafkajs that gets its requests from us: the frame goes to the socket in the parts in which it was written. kafkajs copies
 * each frame twice, into memory that it fills with zeros before.
 */
import { assert } from '../../faults/fault.ts'
import type { Api } from './api.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { Connection, type Answered } from './kafkajs.ts'

const SIZE_BYTES = 4

export class FramedConnection extends Connection {
  #isEnding = false

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
