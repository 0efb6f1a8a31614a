/**
 * A thread that reads or writes databases which the main thread has open. It owns nothing: the main thread closes a database only
 * when all its requests were answered.
 */
import { flushCompileCache } from 'node:module'
import { parentPort } from 'node:worker_threads'
import { packValues, unpackValues } from './packed-entries.ts'
import type { PackedEntries } from './packed-entries.ts'
import { writePacked } from './rocksdb-batch.ts'
import { binding } from './rocksdb-binding.ts'
import { codeOf } from './rocksdb-failures.ts'

export interface ThreadRequest {
  readonly id: number
  readonly kind: 'read' | 'write'
  readonly handle: bigint
  /** Of a read: keys, packed as values are. */
  readonly packed: PackedEntries
}

export interface ThreadAnswer {
  readonly id: number
  readonly values?: PackedEntries
  readonly error?: { readonly code: string | undefined; readonly message: string }
}

// What was compiled here, now: the thread ends without a word. The next start needs no compiler, which takes 15 MiB in each thread.
flushCompileCache()

parentPort?.on('message', (request: ThreadRequest) => {
  const answer = answerOf(request)
  parentPort?.postMessage(answer, answer.values === undefined ? [] : [answer.values.lengths.buffer, answer.values.bytes.buffer])
})

function answerOf({ id, kind, handle, packed }: ThreadRequest): ThreadAnswer {
  try {
    const database = binding.db_init(handle)
    if (kind === 'write') {
      writePacked(database, packed)
      return { id }
    }
    const keys = unpackValues(packed).map((key) => key ?? Buffer.alloc(0))
    return { id, values: packValues(binding.db_get_many_sync(database, keys, undefined)) }
  } catch (error) {
    return { id, error: { code: codeOf(error), message: error instanceof Error ? error.message : String(error) } }
  } finally {
    // Freed now: this heap is small, so that its collector would come late for memory outside of it.
    packed.bytes.buffer.transfer(0)
    packed.lengths.buffer.transfer(0)
  }
}
