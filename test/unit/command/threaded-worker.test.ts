/** Threads of workers that cannot work say so, to everybody who asks. */
import { afterEach, describe, expect, it } from '@jest/globals'
import { WorkerThread } from '../../../libs/command/threaded-worker.ts'
import type { ThreadTask } from '../../../libs/command/thread-messages.ts'

const threads: WorkerThread[] = []
afterEach(() => threads.splice(0).forEach((thread) => thread.end()))

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
    thread.end()
    // The end of a thread is told later.
    await new Promise((resolve) => setTimeout(resolve, 500))
    await expect(thread.open(task, () => undefined)).rejects.toThrow('the thread of the worker has ended')
  })
})
