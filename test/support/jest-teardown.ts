/** After the last test file: ends every broker that the run has started and left, and removes the run's folder. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { stopLocalCluster } from '../../deploy/local-kafka/local-cluster.ts'
import { endTestRun } from './test-run.ts'

export default function teardown(): Promise<void> {
  return endTestRun(async (dir) => {
    const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    await Promise.all(folders.map((folder) => stopLocalCluster(join(dir, folder.name), { graceMs: 0, keepData: false })))
  })
}
