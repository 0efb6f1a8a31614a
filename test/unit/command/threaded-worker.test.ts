/** Threads of workers that cannot work say so, to everybody who asks. */
import { afterEach, describe, expect, it } from '@jest/globals'
import { WorkerThread } from '../../../libs/command/threaded-worker.ts'
import type { ThreadTask } from '../../../libs/command/thread-messages.ts'

const threads: WorkerThread[] = []
afterEach(async () => void (await Promise.all(threads.splice(0).map((thread) => thread.end()))))

function threadOf(module: string): WorkerThread {
  const request = { config: undefined, flags: {}, environment: {}, directory: import.meta.dirname }
  const thread = new WorkerThread({ module, request, asJson: true })
  threads.push(thread)
  return thread
}

const task: ThreadTask = { id: 'w-0', directory: '/nowhere', seats: 2, batch: undefined }

describe('a thread of a worker', () => {
  it('tells whoever opens it why its program cannot be loaded', async () => {
    await expect(threadOf('./there-is-none.ts').open(task, () => undefined)).rejects.toMatchObject({ code: 'MR2012' })
  })

  it('cannot be opened when it has ended', async () => {
    const thread = threadOf('./there-is-none.ts')
    await thread.end()
    await expect(thread.open(task, () => undefined)).rejects.toThrow('the thread of the worker has ended')
  })

  it('that has ended answers at once: it is stopped, and says why it does nothing else', async () => {
    const thread = threadOf('./there-is-none.ts')
    await thread.end()
    await expect(thread.status()).rejects.toThrow('the thread of the worker has ended')
    await expect(thread.limitMemory(1)).rejects.toThrow('the thread of the worker has ended')
    await expect(thread.stop()).resolves.toBeUndefined()
    expect(await thread.done).toMatchObject({ kind: 'failed' })
  })
})
