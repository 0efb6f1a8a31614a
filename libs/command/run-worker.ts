/** One worker process, until a signal or a fault ends it. */
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { Fault } from '../faults/fault.ts'
import { internalNames } from '../dataflow/plan.ts'
import type { Settings } from '../runtime/settings/settings.ts'
import type { WorkerStatus } from '../runtime/worker/status.ts'
import type { ExitReason } from '../runtime/worker/worker.ts'
import { AdminServer } from '../telemetry/admin-server.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { Metrics } from '../telemetry/metrics.ts'
import type { CommandContext } from './command.ts'
import { writeCompiledSoon } from './compiled.ts'
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts'
import { keySpellings, type KeySpelling } from './key-text.ts'
import { governMemory, withinContainer, type GovernedMemory } from './memory-governor.ts'
import { secretsOf } from './secrets-of.ts'
import { Shutdown } from './shutdown.ts'
import type { WorkerThread } from './threaded-worker.ts'
import { loadTopology, printTopology, type LoadedTopology } from './topology-module.ts'
import { takeSeat } from './state-seat.ts'
import { batchOf } from './until-flags.ts'
import { localWorker, together, type RunningWorker } from './workers.ts'
import type { Signal } from './world.ts'

/** The caller (run.ts) has read the settings and started the threads. */
export async function runWorker(
  context: CommandContext,
  module: string,
  settings: Settings,
  threads: readonly WorkerThread[],
): Promise<ExitCode> {
  const topology = await loadTopology(module, context.io.directory)
  const logger = createLogger({
    level: settings.logLevel,
    format: logFormatOf(settings, context.io.isTerminal && !context.json),
    destination: { write: (line) => context.io.out(line.trimEnd()) },
    secrets: secretsOf(settings),
    fields: { application: topology.plan.name, version: topology.plan.version },
  })
  const stopWatching = endOnUnhandled(context, logger)
  try {
    return await runWorkers(context, threads, topology, settings, logger)
  } catch (error) {
    // Said once, where the rest of the worker's story is.
    sayFault(logger, error)
    return exitCodeOf(error)
  } finally {
    stopWatching()
  }
}

const logFormatOf = ({ logFormat }: Settings, isTerminal: boolean): 'json' | 'text' =>
  logFormat === 'auto' ? (isTerminal ? 'text' : 'json') : logFormat

async function runWorkers(
  context: CommandContext,
  threads: readonly WorkerThread[],
  topology: LoadedTopology,
  settings: Settings,
  logger: Logger,
): Promise<ExitCode> {
  const id = `${hostname()}-${process.pid}`
  const { stateMemoryBytes } = withinContainer(settings)
  if (stateMemoryBytes < settings.stateMemoryBytes)
    logger.info({ stateMemoryBytes, set: settings.stateMemoryBytes }, 'stateMemoryBytes is half of what the limit of the container leaves')
  const metrics = new Metrics({ status: () => status() })
  const worker = openWorkers(context, threads, topology, settings, logger, id, (task, durationMs) =>
    metrics.observeCommit({ subTopology: task.slice(0, task.lastIndexOf('.')), durationMs }),
  )
  // Behind the workers: its first word is for them.
  const memory = keepWithin(settings, context, logger, async (share) => (await worker).limitMemory(share))
  const status = async (): Promise<WorkerStatus> => ({ ...(await (await worker).status()), memory: memory.view })
  try {
    const running = await worker
    const admin = await openAdmin(settings, topology, running, metrics, status, logger)
    logger.info({ url: admin.url, worker: id, pid: process.pid }, 'admin server listens')
    writeCompiledSoon()
    try {
      return await untilTheEnd(context, running, settings, logger)
    } finally {
      await admin.close()
    }
  } finally {
    memory.stop()
  }
}

/** When it cannot be opened the worker is stopped. */
async function openAdmin(
  settings: Settings,
  topology: LoadedTopology,
  worker: RunningWorker,
  metrics: Metrics,
  status: () => Promise<WorkerStatus>,
  logger: Logger,
): Promise<AdminServer> {
  try {
    return await AdminServer.start({
      host: settings.adminHost,
      port: settings.adminPort,
      metrics,
      status,
      topology: (format) => printTopology(topology, format),
      readState: (step, key, query) => worker.readState({ step, key, spelling: spellingOf(query.get('key-as')) }),
      adminToken: settings.adminToken?.reveal(),
      stateReadsToken: settings.stateReadsToken?.reveal(),
      livenessMs: settings.livenessMs,
      onError: (err, path) => logger.warn({ err, path }, 'a request to the admin server failed'),
    })
  } catch (error) {
    await worker.stop()
    throw error
  }
}

/** The memory budget, for all workers of this process together. */
function keepWithin(
  { memoryBytes }: Settings,
  { world }: CommandContext,
  logger: Logger,
  limitMemory: (share: number) => Promise<void>,
): GovernedMemory {
  let short = false
  let share = 0
  return governMemory({
    memoryBytes,
    world,
    onShare: (memory) => {
      const shrinks = memory.memoryShare < share
      share = memory.memoryShare
      if (shrinks !== short && (shrinks || share === 1)) {
        short = shrinks
        if (short)
          logger.warn(
            { ...memory },
            'memory is short: caches shrink and commits come early. Raise memoryBytes, or lower stateMemoryBytes or bufferBytesMax',
          )
        else logger.info({ ...memory }, 'memory: caches and commits have their full size again')
      }
      // A worker that could not be opened or has ended holds nothing.
      limitMemory(memory.memoryShare).catch(() => undefined)
    },
  })
}

const spellingOf = (text: string | null): KeySpelling => keySpellings.find((spelling) => spelling === text) ?? 'text'

/** Takes a seat for each worker of this process and opens them. */
async function openWorkers(
  context: CommandContext,
  threads: readonly WorkerThread[],
  topology: LoadedTopology,
  settings: Settings,
  logger: Logger,
  id: string,
  onCommit: (task: string, durationMs: number) => void,
): Promise<RunningWorker> {
  const { prefix } = internalNames(topology.plan.name, topology.plan.version)
  const base = resolve(context.io.directory, settings.stateDirectory, prefix)
  const seats = settings.workers
  const taken = Array.from({ length: seats }, () => takeSeat(base))
  const batch = batchOf(context)
  const free = (): void => taken.forEach((seat) => seat.free())
  const open = (directory: string, number: number): Promise<RunningWorker> =>
    threads[number]?.open({ id: `${id}-${number}`, directory, seats, batch }, onCommit) ??
    localWorker({ topology, settings, world: context.world, logger, id, directory, seats, batch, onCommit })
  try {
    const worker = together(await allOrNone(taken.map((seat, number) => open(seat.directory, number))), id)
    return {
      done: worker.done,
      start: () => worker.start(),
      status: () => worker.status(),
      readState: (question) => worker.readState(question),
      limitMemory: (share) => worker.limitMemory(share),
      stop: () => worker.stop().finally(free),
    }
  } catch (error) {
    free()
    throw error
  }
}

/** When one cannot be opened the others are closed again. */
async function allOrNone(opening: readonly Promise<RunningWorker>[]): Promise<readonly RunningWorker[]> {
  const results = await Promise.allSettled(opening)
  const failure = results.find((result) => result.status === 'rejected')
  const opened = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  if (failure === undefined) return opened
  await Promise.allSettled(opened.map((worker) => worker.stop()))
  throw failure.reason instanceof Error ? failure.reason : new Error(String(failure.reason))
}

/** Starts, then waits for the first of: a signal, the end of the worker. */
async function untilTheEnd(context: CommandContext, worker: RunningWorker, settings: Settings, logger: Logger): Promise<ExitCode> {
  const { world } = context
  const shutdown = new Shutdown({
    clock: world.clock,
    shutdownMs: settings.shutdownMs,
    stop: () => worker.stop(),
    onFirst: (signal) => logger.info({ signal, shutdownMs: settings.shutdownMs }, 'stopping'),
    onSecond: (signal) => {
      logger.warn({ signal }, 'ending at once')
      world.exit(codeOf(signal))
    },
  })
  const stopListening = world.onSignal((signal) => shutdown.signal(signal))
  try {
    const started = worker.start().then(
      () => new Promise<never>(() => undefined),
      (error: unknown) => {
        if (shutdown.begun) return new Promise<never>(() => undefined) // Stopped while it started.
        throw error
      },
    )
    const failed = worker.done.then((reason) => (shutdown.begun ? new Promise<never>(() => undefined) : reason))
    const end = await Promise.race([started, failed, shutdown.done])
    if (end.kind === 'late') {
      logger.error({ code: 'MR2070' }, `not stopped within ${settings.shutdownMs} ms; ending the process`)
      return codeOf(end.signal)
    }
    return end.kind === 'failed' ? await failedCode(end, worker, settings, context, logger) : stopped(logger)
  } catch (error) {
    await stopWithin(worker, settings, context, logger)
    throw error
  } finally {
    stopListening()
  }
}

function stopped(logger: Logger): ExitCode {
  logger.info({}, 'stopped')
  return exitCodes.ok
}

async function failedCode(
  end: Extract<ExitReason, { kind: 'failed' }>,
  worker: RunningWorker,
  settings: Settings,
  context: CommandContext,
  logger: Logger,
): Promise<ExitCode> {
  sayFault(logger, end.fault)
  await stopWithin(worker, settings, context, logger)
  return end.fault instanceof Fault ? exitCodeOf(end.fault) : exitCodes.fault
}

/** What is left is freed, but not waited for without end. */
async function stopWithin(worker: RunningWorker, settings: Settings, context: CommandContext, logger: Logger): Promise<void> {
  const cancel = new AbortController()
  const stop = worker.stop().catch((err: unknown) => logger.warn({ err }, 'not everything could be closed'))
  await Promise.race([stop, context.world.clock.sleep(settings.shutdownMs, cancel.signal)])
  cancel.abort()
}

/** The message of a fault is the line; a code that `millrace explain` knows stands beside it. */
function sayFault(logger: Logger, error: unknown): void {
  if (error instanceof Fault) logger.fatal({ code: error.code, place: error.place, ...causeOf(error) }, error.message)
  else logger.fatal({ err: error }, 'the worker has failed by an error that is no fault of the world')
}

/** An error of the system or of Kafka is told by its words; where an error of some code was thrown is told too. */
function causeOf({ cause, message }: Fault): object {
  if (!(cause instanceof Error)) return cause === undefined ? {} : { because: String(cause) }
  if ('code' in cause) return message.includes(cause.message) ? {} : { because: cause.message }
  return { err: cause }
}

const codeOf = (signal: Signal): ExitCode => (signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated)

/** After an error from nowhere the state of the process cannot be trusted: say it and end. */
function endOnUnhandled(context: CommandContext, logger: Logger): () => void {
  const end = (error: unknown): void => {
    logger.fatal({ err: error, code: 'MR2071' }, 'an error that nobody handles; ending the process')
    context.world.exit(exitCodes.failed)
  }
  process.on('unhandledRejection', end)
  process.on('uncaughtException', end)
  return () => {
    process.off('unhandledRejection', end)
    process.off('uncaughtException', end)
  }
}
