/**
 * Makes a directory and its parents, step by step: with `recursive: true` Node 24 never returns where a parent cannot be made
 * (/proc/x: the system says "no such file", and Node tries again without end).
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Of new directories: state is nobody else's business. */
const OWNER_ONLY = 0o700

/** Answers the first directory that had to be made; undefined: it was there. Throws what the system says. */
export function makeDirectory(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found !== undefined) {
    if (!found.isDirectory()) throw Object.assign(new Error(`${path} is no directory`), { code: 'ENOTDIR' })
    return undefined
  }
  const parent = dirname(path)
  const first = parent === path ? undefined : makeDirectory(parent)
  try {
    mkdirSync(path, { mode: OWNER_ONLY })
  } catch (error) {
    // Another worker that starts at the same time may have been faster.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error
  }
  return first ?? path
}
