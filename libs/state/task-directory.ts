/**
 * Names of directories for task names, which come from topics and steps: safe as a file name, and back again. Pure.
 *
 *   letters, digits, . _ -     as they are
 *   anything else              %XX for each byte of UTF-8; also the first dot of a name that begins with one
 *   too long for a file name   a part of it, `%~` and a hash; such a directory says its name in the file NAME
 *   `<name>.wiped-<n>`         was a store, is being deleted
 */
import { createHash } from 'node:crypto'

const SAFE = /^[A-Za-z0-9._-]$/u
/** A file name has at most 255 bytes; `.wiped-<n>` must fit behind. */
const LENGTH_MAX = 230
const SHORT_LENGTH = 150
const WIPED = /\.wiped-\d+$/u

export const NAME_FILE = 'NAME'

const escapeByte = (byte: number): string => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`

export function directoryOf(task: string): string {
  let name = ''
  for (const character of task) {
    name += SAFE.test(character) ? character : [...Buffer.from(character)].map(escapeByte).join('')
  }
  if (name.startsWith('.')) name = escapeByte(0x2e) + name.slice(1)
  name = name.replace(WIPED, (end) => escapeByte(0x2e) + end.slice(1))
  if (name.length <= LENGTH_MAX) return name
  return `${name.slice(0, SHORT_LENGTH)}%~${createHash('sha256').update(task).digest('hex').slice(0, 32)}`
}

export const isShortened = (directory: string): boolean => directory.includes('%~')

/** Undefined: not a directory of a task, or one that is shortened. */
export function taskOf(directory: string): string | undefined {
  if (isShortened(directory) || isWiped(directory)) return undefined
  let task: string
  try {
    task = decodeURIComponent(directory)
  } catch {
    // Not written by us.
    return undefined
  }
  return directoryOf(task) === directory ? task : undefined
}

export const isWiped = (directory: string): boolean => WIPED.test(directory)
