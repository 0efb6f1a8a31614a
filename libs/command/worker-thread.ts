/** The far side of threaded-worker.ts: one worker on a thread of its own. Reads its task, then does what it is told. */
import { flushCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { createLogger } from '../telemetry/logger.ts'
import { readSettings } from './configuration-source.ts'
import { secretsOf } from './secrets-of.ts'
import { errorMessage, type FromThread, type Result, type ThreadTask, type ToThread } from './thread-messages.ts'
import { loadTopology } from './topology-module.ts'
import { localWorker, type RunningWorker } from './workers.ts'
import { realWorld } from './world.ts'

// Given by threaded-worker.ts, the only one that starts this file.
const task = workerData as ThreadTask

async function serve(): Promise<void> {
  const settings = await readSettings(task.request)
  const topology = await loadTopology(task.module, task.request.directory)
  const { name, version } = topology.plan
  const logger = createLogger({
    level: settings.logLevel,
    format: task.asJson ? 'json' : settings.logFormat,
    secrets: secretsOf(settings),
    fields: { application: name, version, worker: task.id },
  })
  const worker = await localWorker({
    topology,
    settings,
    logger,
    world: realWorld,
    id: task.id,
    directory: task.directory,
    seats: task.seats,
    batch: task.batch,
    onCommit: (taskName, durationMs) => say({ kind: 'commit', task: taskName, durationMs }),
  })
  void worker.done.then((reason) => say({ kind: 'done', fault: reason.kind === 'failed' ? errorMessage(reason.fault) : undefined }))
  parentPort?.on('message', (message: ToThread) => {
    obey(worker, message).then(
      (result) => say({ kind: 'answer', call: message.call, result }),
      (error: unknown) => say({ kind: 'answer', call: message.call, result: undefined, error: errorMessage(error) }),
    )
  })
  say({ kind: 'ready' })
  // Now, since whoever is killed says nothing any more (millrace.mjs).
  flushCompileCache()
}

async function obey(worker: RunningWorker, message: ToThread): Promise<Result> {
  switch (message.kind) {
    case 'start':
      await worker.start()
      return undefined
    case 'stop':
      await worker.stop()
      return undefined
    case 'status':
      return { kind: 'status', status: await worker.status() }
    case 'limit-memory':
      await worker.limitMemory(message.share)
      return undefined
    case 'read-state':
      return { kind: 'state', answer: await worker.readState(message.question) }
  }
}

const say = (message: FromThread): void => parentPort?.postMessage(message, [])

await serve().catch((error: unknown) => say({ kind: 'done', fault: errorMessage(error) }))
