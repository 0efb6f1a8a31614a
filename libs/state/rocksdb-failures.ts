/** What a failure of RocksDB or of the file system means for the task that met it. Pure. */
import { Fault } from '../faults/fault.ts'

export interface StorePlace {
  readonly task: string
  readonly directory: string
}

const RIGHTS = /permission denied|operation not permitted|read-only file system/iu
const PASSING = /no space left|disk quota|too many open files|cannot allocate memory|input\/output error|stale file handle/iu

/** The code of an error of Node or of the binding; they may come from another realm (jest), so that `instanceof` says nothing. */
export const codeOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error)

/** True when the files are to blame, not the moment. */
export const isDamage = (error: unknown): boolean => codeOf(error) === 'LEVEL_CORRUPTION'

export function openingFailed({ task, directory }: StorePlace, error: unknown): Fault {
  const message = messageOf(error)
  const options = { place: { task }, cause: error }
  if (codeOf(error) === 'LEVEL_LOCKED') {
    return new Fault(
      'MR4002',
      'retry',
      `the local store of ${task} in ${directory} is in use by another process; it is tried again until it is free. If two workers share this state directory, give each its own`,
      options,
    )
  }
  if (RIGHTS.test(message)) return unusableDirectory(directory, error)
  if (PASSING.test(message)) {
    return new Fault(
      'MR4006',
      'retry',
      `the local store of ${task} in ${directory} cannot be opened now: ${message}. Its files were left as they are, and it is tried again; make room on the disk, raise the limit of open files (ulimit -n), or mend the disk`,
      options,
    )
  }
  return new Fault(
    'MR4003',
    'acquire-again',
    `the local store of ${task} in ${directory} is damaged and is rebuilt from the changelog: ${message}`,
    options,
  )
}

/** The directory of one store cannot be made or renamed. */
export const directoryFailed = (place: StorePlace, path: string, error: unknown): Fault =>
  isPassing(error) ? openingFailed(place, error) : unusableDirectory(path, error)

/** No room, no descriptors, no answer: nothing is wrong with the files or the rights. */
export const isPassing = (error: unknown): boolean => PASSING.test(messageOf(error))

export const readingFailed = ({ task, directory }: StorePlace, error: unknown): Fault =>
  new Fault('MR4004', 'acquire-again', `reading the local store of ${task} in ${directory} failed: ${messageOf(error)}`, {
    place: { task },
    cause: error,
  })

export const writingFailed = ({ task, directory }: StorePlace, error: unknown): Fault =>
  new Fault(
    'MR4005',
    'acquire-again',
    `writing the local store of ${task} in ${directory} failed: ${messageOf(error)}. What it lacks is read from the changelog again`,
    { place: { task }, cause: error },
  )

export const unusableDirectory = (directory: string, error: unknown): Fault =>
  new Fault(
    'MR4001',
    'stop',
    `the state directory ${directory} cannot be used: ${messageOf(error)}. Give the worker's user the right to write there, or set stateDirectory to another directory`,
    { cause: error },
  )
