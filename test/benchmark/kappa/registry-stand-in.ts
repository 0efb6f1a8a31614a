/**
 * A schema registry for the benchmark: as much of Confluent's API as both contenders ask when they start. It is asked for each schema
 * once and is in no measured time, so that a Java process more would only take memory.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RegistryStandIn {
  readonly url: string
  stop(): Promise<void>
}

/** `schemas`: known from the start; the id of each is its place, from 1. */
export async function registryStandIn(schemas: readonly object[]): Promise<RegistryStandIn> {
  const texts = schemas.map((schema) => JSON.stringify(schema))
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => {
      const { status, answer } = answerTo(texts, request.method ?? '', request.url ?? '', body)
      response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { url: urlOf(server), stop }
}

interface Answer {
  readonly status: number
  readonly answer: object
}

function answerTo(texts: string[], method: string, url: string, body: string): Answer {
  const byId = /^\/schemas\/ids\/(\d+)/u.exec(url)
  if (byId !== null) {
    const schema = texts[Number(byId[1]) - 1]
    return schema === undefined ? unknown(40403) : { status: 200, answer: { schema } }
  }
  if (url.startsWith('/config')) return method === 'GET' ? unknown(40401) : { status: 200, answer: { compatibility: 'BACKWARD' } }
  if (method !== 'POST') return unknown(40401)
  // Schemas come as text in JSON.
  const { schema } = JSON.parse(body) as { readonly schema: string }
  const text = JSON.stringify(JSON.parse(schema))
  if (!texts.includes(text)) {
    if (!url.endsWith('/versions')) return unknown(40403)
    texts.push(text)
  }
  return { status: 200, answer: { id: texts.indexOf(text) + 1, version: 1, schema: text } }
}

const unknown = (code: number): Answer => ({ status: 404, answer: { error_code: code, message: 'not found' } })

/** A server that listens on TCP has such an address. */
const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
