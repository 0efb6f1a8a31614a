/** A world for commands: a cluster and stores in memory, signals and the end of the process in the hands of the test. */
import { realWorld, type Signal, type World } from '../../../libs/command/world.ts'
import { memoryLog, type MemoryLog } from '../../../libs/memory/memory-log.ts'
import type { Log } from '../../../libs/runtime/ports/log.ts'
import { memoryHome } from '../../../libs/state/memory-store.ts'

export interface MemoryWorld extends World {
  readonly cluster: MemoryLog
  /** Codes given to exit(). */
  readonly exits: number[]
  signal(signal: Signal): void
  /** What the process seems to take, bytes. */
  resident: number
  /** Makes every connection refuse to open. */
  openLogFails?: Error
}

export function memoryWorld(): MemoryWorld {
  const cluster = memoryLog()
  const exits: number[] = []
  const handlers = new Set<(signal: Signal) => void>()
  let connections = 0
  const world: MemoryWorld = {
    resident: 0,
    clock: realWorld.clock,
    cluster,
    exits,
    openLog: async (): Promise<Log> => {
      if (world.openLogFails !== undefined) throw world.openLogFails
      return cluster.connect(`command-${connections++}`)
    },
    openStores: async () => memoryHome(),
    onSignal: (handle) => {
      handlers.add(handle)
      return () => handlers.delete(handle)
    },
    residentBytes: () => world.resident,
    setHeapFlag: () => undefined,
    exit: (code) => exits.push(code),
    signal: (signal) => {
      for (const handle of handlers) handle(signal)
    },
  }
  return world
}
