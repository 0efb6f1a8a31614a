/**
 * Looks at the files of a database before it is opened: are all writes there that come before the newest one? RocksDB does not see that
 * (rocksdb-log-format.ts), and opening it takes the traces away. So what was found is written down first, in a file beside the others.
 */
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from './rocksdb-failures.ts'
import { factsOfManifest, gapBetween, spanOfLog } from './rocksdb-log-format.ts'
import type { LogSpan } from './rocksdb-log-format.ts'

const LOG_FILE = /^(\d+)\.log$/u
/** Goes with the directory when that is wiped. */
const DAMAGE_FILE = 'DAMAGE'

/** What is wrong with the files, now or at an earlier look; undefined: nothing, or RocksDB will see it itself. */
export async function noteDamage(path: string): Promise<string | undefined> {
  const names = await readdir(path)
  if (names.includes(DAMAGE_FILE)) return await readFile(join(path, DAMAGE_FILE), 'utf8')
  const missing = await missingWrites(path, names).catch((error: unknown) => {
    // Files go away only where somebody else has the database open, as opening it will tell.
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (missing !== undefined) await writeFile(join(path, DAMAGE_FILE), missing)
  return missing
}

/** What looked like damage was somebody else at work. */
export async function forgetDamage(path: string): Promise<void> {
  await rm(join(path, DAMAGE_FILE), { force: true })
}

async function missingWrites(path: string, names: readonly string[]): Promise<string | undefined> {
  if (!names.includes('CURRENT')) return undefined
  const manifest = (await readFile(join(path, 'CURRENT'), 'latin1')).trimEnd()
  if (!names.includes(manifest)) return undefined
  const facts = factsOfManifest(await readFile(join(path, manifest)))
  const logs: LogSpan[] = []
  // One after another: a log may have as many bytes as the write buffers.
  for (const name of names) {
    const number = Number(LOG_FILE.exec(name)?.[1] ?? -1)
    if (number >= facts.logNumber) logs.push({ number, span: spanOfLog(await readFile(join(path, name))) })
  }
  return gapBetween(facts, logs)
}
