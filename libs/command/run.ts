/**
 * The beginning of a worker process: its threads are born before anything else is loaded, so that they load what they need while the main
 * thread does. Loading takes most of the time of a start.
 */
import { availableParallelism } from 'node:os'
import type { CommandContext } from './command.ts'
import { needBrokers } from './configuration-source.ts'
import type { ExitCode } from './exit-codes.ts'
import { shapeHeaps } from './memory-governor.ts'
import { WorkerThread } from './threaded-worker.ts'

/** `millrace run <module>`, and the worker of `millrace replay start --local`. */
export async function run(context: CommandContext, module: string): Promise<ExitCode> {
  const settings = await context.settings()
  needBrokers(settings)
  const { memoryBytes, workers } = settings
  shapeHeaps({ memoryBytes, workers, processorsToSpare: availableParallelism() - workers, world: context.world })
  const program = { module, request: context.request, asJson: context.json }
  // A worker alone has the main thread.
  const threads = workers === 1 ? [] : Array.from({ length: workers }, () => new WorkerThread(program))
  try {
    const { runWorker } = await import('./run-worker.ts')
    return await runWorker(context, module, settings, threads)
  } finally {
    threads.forEach((thread) => void thread.end())
  }
}
