/** The far side of threaded-worker.ts: one worker on a thread of its own. Reads its task, then does what it is told. */
import { flushCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { Settings } from '../runtime/settings/settings.ts'
import { createLogger } from '../telemetry/logger.ts'
import { writeCompiledSoon } from './compiled.ts'
import { readSettings } from './configuration-source.ts'
import { secretsOf } from './secrets-of.ts'
import {
  errorMessage,
  type CallToThread,
  type FromThread,
  type Result,
  type ThreadProgram,
  type ThreadTask,
  type ToThread,
} from './thread-messages.ts'
import { loadTopology, type LoadedTopology } from './topology-module.ts'
import { localWorker, type RunningWorker } from './workers.ts'
import { realWorld } from './world.ts'

// Given by threaded-worker.ts, the only one that starts this file.
const program = workerData as ThreadProgram

interface Loaded {
  readonly settings: Settings
  readonly topology: LoadedTopology
}

/** With all that will be needed, while nobody waits. */
async function load(): Promise<Loaded> {
  const [settings, topology] = await Promise.all([
    readSettings(program.request),
    loadTopology(program.module, program.request.directory),
    import('./kafka-connection.ts'),
    import('./local-stores.ts'),
  ])
  return { settings, topology }
}

async function open(task: ThreadTask, { settings, topology }: Loaded): Promise<RunningWorker> {
  const { name, version } = topology.plan
  const logger = createLogger({
    level: settings.logLevel,
    format: program.asJson ? 'json' : settings.logFormat,
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
  return worker
}

async function obey(worker: RunningWorker, message: CallToThread): Promise<Result> {
  switch (message.kind) {
    case 'start':
      await worker.start()
      return undefined
    case 'stop':
      await worker.stop()
      flushCompileCache()
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

const loading = load()
// Told to the one who opens; before, the main thread finds the same.
loading.catch(() => undefined)
let opened: Promise<RunningWorker> | undefined

parentPort?.on('message', (message: ToThread) => {
  if (message.kind === 'open') {
    opened = loading.then((loaded) => open(message.task, loaded))
    opened.then(
      () => {
        say({ kind: 'ready' })
        writeCompiledSoon()
      },
      (error: unknown) => {
        flushCompileCache()
        say({ kind: 'done', fault: errorMessage(error) })
      },
    )
    return
  }
  const { call } = message
  opened
    ?.then((worker) => obey(worker, message))
    .then(
      (result) => say({ kind: 'answer', call, result }),
      (error: unknown) => say({ kind: 'answer', call, result: undefined, error: errorMessage(error) }),
    )
})
