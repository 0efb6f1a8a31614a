import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rocksHome } from '../../../libs/state/rocksdb-store.ts'
import { storeConformance } from '../../support/store-conformance.ts'

const memoryBytes = 32 * 2 ** 20

storeConformance('RocksDB', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-store-'))
  let home = await rocksHome({ directory, memoryBytes })
  return {
    home,
    // A true kill -9 needs another process: see rocksdb-crash.test.ts. Here the next best thing.
    restart: async () => {
      await home.close()
      home = await rocksHome({ directory, memoryBytes })
      return home
    },
    close: async () => {
      await home.close()
      rmSync(directory, { recursive: true })
    },
  }
})
