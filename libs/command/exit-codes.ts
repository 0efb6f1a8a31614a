/** Exit codes of every command: stable, listed here and in `millrace --help`, nowhere else. Pure. */
import { Fault } from '../faults/fault.ts'

export const exitCodes = {
  /** Done; `run`: stopped in order, by a signal or because everything was read. */
  ok: 0,
  /** The command did its work and the answer is bad (a check failed), or an error that has no code of its own. */
  failed: 1,
  /** The command line or the configuration is wrong; nothing was done. */
  usage: 2,
  /** The topology is refused: it cannot be loaded or built, or does not fit the topics. */
  topology: 3,
  /** The cluster cannot be reached, or refuses this client. */
  unreachable: 4,
  /** A task or the worker stopped because of a fault that a person must decide about. */
  fault: 5,
  /** Ended at once by a second SIGINT, or SIGINT and not stopped within shutdownMs. */
  interrupted: 130,
  /** The same by SIGTERM. */
  terminated: 143,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeTexts: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [exitCodes.ok, 'done; run: stopped in order'],
  [exitCodes.failed, 'a check failed, or another error'],
  [exitCodes.usage, 'command line or configuration is wrong'],
  [exitCodes.topology, 'topology refused, or topics do not fit it'],
  [exitCodes.unreachable, 'cluster not reachable, or it refuses this client'],
  [exitCodes.fault, 'stopped by a fault that a person must decide about'],
  [exitCodes.interrupted, 'ended at once by SIGINT'],
  [exitCodes.terminated, 'ended at once by SIGTERM'],
]

const byCode: Readonly<Record<string, ExitCode>> = {
  MR2011: exitCodes.usage,
  MR2012: exitCodes.topology,
  MR2013: exitCodes.topology,
  MR2030: exitCodes.topology,
  MR2050: exitCodes.failed,
  MR2060: exitCodes.failed,
  // The cluster answers; a time-out of the configuration is outside of its bounds.
  MR3014: exitCodes.usage,
  MR3016: exitCodes.usage,
  // A topic was deleted under a running worker.
  MR3005: exitCodes.topology,
  // Topology, manifest and the topics of the cluster do not fit each other.
  MR5003: exitCodes.topology,
  MR5005: exitCodes.topology,
  MR5006: exitCodes.topology,
  MR5008: exitCodes.topology,
  MR5009: exitCodes.topology,
}

const byArea: readonly (readonly [prefix: string, code: ExitCode])[] = [
  ['MR1', exitCodes.topology],
  ['MR200', exitCodes.usage],
  ['MR201', exitCodes.usage],
  ['MR2020', exitCodes.usage],
  ['MR204', exitCodes.usage],
  ['MR2051', exitCodes.usage],
  ['MR2053', exitCodes.usage],
  ['MR2', exitCodes.failed],
  ['MR3', exitCodes.unreachable],
  ['MR', exitCodes.fault],
]

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof Fault)) return exitCodes.failed
  return byCode[error.code] ?? byArea.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? exitCodes.failed
}
