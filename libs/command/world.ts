/** What commands need of the world beyond the terminal: replaced as a whole by tests. */
import { setFlagsFromString } from 'node:v8'
import { systemClock, type Clock } from '../runtime/ports/clock.ts'
import type { Log } from '../runtime/ports/log.ts'
import type { Settings } from '../runtime/settings/settings.ts'
import type { StoreHome } from '../state/store.ts'
import type { Logger } from '../telemetry/logger.ts'

export type Signal = 'SIGINT' | 'SIGTERM'

export interface World {
  readonly clock: Clock
  /** Connects to the cluster of the settings. Faults MR3xxx. */
  openLog(settings: Settings, logger?: Logger): Promise<Log>
  /** Opens the local stores in a directory. Faults MR4xxx. */
  openStores(directory: string, memoryBytes: number, storesExpected: number): Promise<StoreHome>
  /** Calls for each signal until the answer is called. */
  onSignal(handle: (signal: Signal) => void): () => void
  /** Called after each step of a command that has several; a test ends the process there. */
  atStep?(step: string): void
  /** Memory of this process that stands in RAM, bytes. */
  residentBytes(): number
  /** Sets a flag of V8, for all threads of this process. */
  setHeapFlag(flag: string): void
  /** Ends the process at once. */
  exit(code: number): void
}

export const realWorld: World = {
  clock: systemClock,
  // Imported when needed: most commands talk neither to Kafka nor to RocksDB, and loading those takes most of the time.
  openLog: async (settings, logger) => (await import('./kafka-connection.ts')).connect(settings, logger),
  openStores: async (directory, memoryBytes, storesExpected) =>
    (await import('./local-stores.ts')).openStores(directory, memoryBytes, storesExpected),
  onSignal: (handle) => {
    const signals: readonly Signal[] = ['SIGINT', 'SIGTERM']
    for (const signal of signals) process.on(signal, handle)
    return () => {
      for (const signal of signals) process.off(signal, handle)
    }
  },
  residentBytes: () => process.memoryUsage.rss(),
  setHeapFlag: setFlagsFromString,
  exit: (code) => process.exit(code),
}
