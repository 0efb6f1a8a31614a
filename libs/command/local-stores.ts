/** Opens the local stores of a worker. */
import { rocksHome } from '../state/rocksdb-store.ts'
import type { StoreHome } from '../state/store.ts'

export const openStores = (directory: string, memoryBytes: number, storesExpected: number): Promise<StoreHome> =>
  rocksHome({ directory, memoryBytes, storesExpected })
