/**
 * One client connection and its connection to the broker. A broker answers in the order of the requests, so that the answers need no
 * look at correlation ids: `#pending` is the order.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { ProxyAddressOf } from './broker-addresses.ts'
import { withProxyAddresses } from './broker-addresses.ts'
import { FrameSplitter, PacedWriter } from './byte-stream.ts'
import { answeredCodes, errorAnswer } from './error-answers.ts'
import type { Fault } from './faults.ts'
import type { FaultRules } from './fault-rules.ts'
import { KafkaRequest } from './kafka-request.ts'

const ANSWERED_WITHIN_MS = 10_000

type Codes = readonly number[] | undefined

export interface ConnectionContext {
  readonly number: number
  readonly broker: number
  target(): { readonly host: string; readonly port: number }
  readonly rules: FaultRules
  readonly addressOf: ProxyAddressOf
  speed(): number | undefined
  onRequest(request: KafkaRequest): void
  onClose(): void
}

interface Pending {
  readonly request: KafkaRequest
  /** The client gets the answer; not of a copy. */
  readonly isForClient: boolean
  readonly settle: (codes: Codes) => void
}

export class ProxiedConnection {
  readonly #context: ConnectionContext
  readonly #client: Socket
  readonly #broker: Socket
  readonly #toClient: PacedWriter
  readonly #toBroker: PacedWriter
  readonly #pending: Pending[] = []
  #answers: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(client: Socket, context: ConnectionContext) {
    this.#context = context
    this.#client = client
    this.#broker = connect(context.target())
    this.#toClient = new PacedWriter(client, context.speed)
    this.#toBroker = new PacedWriter(this.#broker, context.speed)
    for (const socket of [client, this.#broker]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined) // A connection that breaks is what this proxy is about; `close` follows.
    }
    client.on('close', () => this.close())
    this.#broker.on('close', () => this.#end())
    const requests = new FrameSplitter()
    client.on('data', (chunk: Buffer) => {
      for (const frame of requests.push(chunk)) if (!this.#isClosed) this.#onRequest(frame)
    })
    const answers = new FrameSplitter()
    this.#broker.on('data', (chunk: Buffer) => {
      for (const frame of answers.push(chunk)) this.#onAnswer(frame)
    })
  }

  /** The client is gone, or shall be. What it has sent before still reaches the broker, as it would without a proxy. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#toClient.close()
    this.#client.destroy()
    this.#context.onClose()
    if (this.#pending.length === 0) return this.#end()
    setTimeout(() => this.#end(), ANSWERED_WITHIN_MS).unref()
  }

  #end(): void {
    this.#toBroker.close()
    this.#broker.destroy()
    for (const { settle } of this.#pending.splice(0)) settle(undefined)
    this.close()
  }

  #onRequest(frame: Buffer): void {
    const request = new KafkaRequest(frame, this.#context.number, this.#context.broker)
    this.#context.onRequest(request)
    const fault = this.#context.rules.faultOf('request', request)
    switch (fault?.kind) {
      case undefined:
      case 'pass':
        void this.#forward(request, true)
        return
      case 'drop':
        return
      case 'cut':
        return this.close()
      case 'duplicate':
        void this.#forward(request, true)
        void this.#forward(request, false)
        return
      case 'answer':
        return this.#toClient.write(errorAnswer(request, fault.errorCode))
      case 'damage':
        throw new Error('only an answer can be damaged')
      case 'delay':
        // Where the client and the broker are gone by then the request is lost, as on any network.
        setTimeout(() => void this.#late(request, true).catch(() => undefined), fault.milliseconds)
        return
      case 'hold':
        if (fault.meanwhile === 'pass') void this.#forward(request, true)
        fault.keep(() => this.#late(request, fault.meanwhile === 'wait'))
        if (fault.meanwhile === 'cut') this.close()
        return
    }
  }

  #forward(request: KafkaRequest, isForClient: boolean): Promise<Codes> {
    const answered = new Promise<Codes>((resolve) => {
      if (request.expectsAnswer) this.#pending.push({ request, isForClient, settle: resolve })
      else resolve(undefined)
    })
    this.#toBroker.write(request.frame)
    return answered
  }

  /** After its time: on this connection, or, where the client has given it up, on one of its own. */
  #late(request: KafkaRequest, isForClient: boolean): Promise<Codes> {
    return this.#isClosed ? sendAlone(request, this.#context) : this.#forward(request, isForClient)
  }

  #onAnswer(frame: Buffer): void {
    const pending = this.#pending.shift()
    if (pending === undefined) return this.#end()
    const { request, isForClient, settle } = pending
    const codes = answeredCodes(request, frame)
    settle(codes)
    if (this.#isClosed && this.#pending.length === 0) return this.#end()
    if (!isForClient || this.#isClosed) return
    const fault = this.#context.rules.faultOf('response', request, codes)
    // One after the other: rewriting may have to wait for a new listener.
    this.#answers = this.#answers.then(async () => {
      const answer = await withProxyAddresses(request, frame, this.#context.addressOf)
      if (!this.#isClosed) this.#deliver(request, answer, fault)
    })
  }

  #deliver(request: KafkaRequest, answer: Buffer, fault: Fault | undefined): void {
    const write = (): void => {
      if (!this.#isClosed) this.#toClient.write(answer)
    }
    switch (fault?.kind) {
      case undefined:
      case 'pass':
        return write()
      case 'drop':
        return
      case 'cut':
        return this.close()
      case 'answer':
        return this.#toClient.write(errorAnswer(request, fault.errorCode))
      case 'delay':
        setTimeout(write, fault.milliseconds)
        return
      case 'hold':
        fault.keep(async () => {
          write()
          return undefined
        })
        if (fault.meanwhile === 'cut') this.close()
        return
      case 'damage':
        return this.#toClient.write(damaged(answer))
      case 'duplicate':
        throw new Error('only a request can be duplicated')
    }
  }
}

/** In the value of the last record, where an answer ends in records. */
const FROM_END = 3

function damaged(answer: Buffer): Buffer {
  const copy = Buffer.from(answer)
  const at = Math.max(0, copy.length - FROM_END)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

/** The request of a client that is gone. The broker takes it without any greeting, as long as it wants no login. */
function sendAlone(request: KafkaRequest, context: ConnectionContext): Promise<Codes> {
  return new Promise((resolve, reject) => {
    const socket = connect(context.target())
    const writer = new PacedWriter(socket, () => undefined)
    const frames = new FrameSplitter()
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no answer to the late ${request.api} within ${ANSWERED_WITHIN_MS} ms`))
    }, ANSWERED_WITHIN_MS)
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(undefined)
    })
    socket.on('data', (chunk: Buffer) => {
      const [frame] = frames.push(chunk)
      if (frame === undefined) return
      resolve(answeredCodes(request, frame))
      socket.destroy()
    })
    writer.write(request.frame)
  })
}
