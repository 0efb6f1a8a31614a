/**
 * Asks a Kafka broker who its cluster is: one ApiVersions and one Metadata request over a bare socket.
 *
 * Owns the answer to "is this Kafka ready for clients?". A port that accepts connections is not enough: a KRaft broker listens
 * before it is unfenced, and a cluster of three is ready when all three are in the metadata and there is a controller. No client
 * library here, because `make kafka-up` must also work before anything else does.
 *
 *   request   size int32 | api key int16 | version int16 | correlation int32 | client id (int16 length, bytes) | body
 *   Metadata v1 body      topics int32: 0, which is "no topics" since version 1
 *   Metadata v1 response  correlation int32 | brokers [ id int32 | host string | port int32 | rack nullable string ] | controller int32 | topics
 */
import { connect } from 'node:net'

export interface ClusterView {
  /** Brokers that are registered and not fenced, with the addresses that clients will be sent to. */
  readonly brokers: readonly { readonly id: number; readonly address: string }[]
  /** -1 while there is none. */
  readonly controllerId: number
}

const metadataApiKey = 3
const metadataVersion = 1
const clientId = 'millrace-probe'
const responseBytesMax = 1_000_000

/** Fails when nothing answers within `timeoutMs`, or when what answers does not speak Kafka. */
export async function clusterView(address: string, timeoutMs = 2_000): Promise<ClusterView> {
  return readView(await exchange(address, metadataRequest(), timeoutMs))
}

/** Waits until one of the addresses shows `brokers` unfenced brokers and a controller. Fails at the deadline with the last reason. */
export async function clusterReady(
  addresses: readonly string[],
  brokers: number,
  deadlineMs: number,
  failedEarly: () => string | undefined = () => undefined,
): Promise<ClusterView> {
  const end = Date.now() + deadlineMs
  let reason = 'no answer'
  for (;;) {
    for (const address of addresses) {
      try {
        const view = await clusterView(address)
        if (view.brokers.length >= brokers && view.controllerId >= 0) return view
        reason = `${address} knows ${view.brokers.length} of ${brokers} brokers, controller ${view.controllerId}`
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error)
      }
    }
    const failure = failedEarly()
    if (failure !== undefined) throw new Error(failure)
    if (Date.now() > end) throw new Error(`Kafka at ${addresses.join(',')} is not ready after ${deadlineMs / 1_000} s: ${reason}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function metadataRequest(): Buffer {
  const client = Buffer.from(clientId)
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + client.length + 4)
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(metadataApiKey, 4)
  request.writeInt16BE(metadataVersion, 6)
  request.writeInt32BE(1, 8)
  request.writeInt16BE(client.length, 12)
  client.copy(request, 14)
  return request
}

function exchange(address: string, request: Buffer, timeoutMs: number): Promise<Buffer> {
  const { host, port } = splitAddress(address)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    let received = Buffer.alloc(0)
    const fail = (reason: string): void => {
      socket.destroy()
      reject(new Error(`${address}: ${reason}`))
    }
    socket.setTimeout(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`))
    socket.on('error', (error) => fail(error.message))
    socket.on('close', () => fail('the connection was closed before an answer came'))
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4) return
      const size = received.readInt32BE(0)
      if (size < 0 || size > responseBytesMax) return fail('the answer is not Kafka')
      if (received.length < 4 + size) return
      resolve(received.subarray(4, 4 + size))
      socket.destroy()
    })
  })
}

function readView(response: Buffer): ClusterView {
  let at = 4
  const int32 = (): number => {
    at += 4
    return response.readInt32BE(at - 4)
  }
  const string = (): string => {
    const length = response.readInt16BE(at)
    at += 2 + Math.max(length, 0)
    return response.toString('utf8', at - Math.max(length, 0), at)
  }
  const brokers: { id: number; address: string }[] = []
  for (let left = int32(); left > 0; left -= 1) {
    const id = int32()
    const host = string()
    brokers.push({ id, address: `${host}:${int32()}` })
    string()
  }
  return { brokers, controllerId: int32() }
}

/** `host:port`, `[::1]:port` or a URL-like `PLAINTEXT://host:port`. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\w+:\/\/)?\[?([^\]]+?)\]?:(\d+)$/u.exec(address.trim())
  if (match?.[1] === undefined) throw new Error(`"${address}" is not a broker address: write host:port`)
  return { host: match[1], port: Number(match[2]) }
}
