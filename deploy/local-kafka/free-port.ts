/**
 * Free TCP ports for brokers. They are taken below 30000, because the systems that we run on hand out 32768 and up to outgoing
 * connections: a port from there could be gone when a killed broker comes back to it.
 */
import { createServer } from 'node:net'

const lowest = 20_000
const count = 10_000
const given = new Set<number>()

/** A port of 127.0.0.1 that is free now and that this process has not given away before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = lowest + Math.floor(Math.random() * count)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error(`no free TCP port between ${lowest} and ${lowest + count - 1}`)
}

/** Whether one could listen on this port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
