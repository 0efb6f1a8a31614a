/**
 * Limits: how settings bound each other. The bounds of one setting alone stand in its row of the table (settings.ts). Pure.
 */
import type { FaultCode } from '../../faults/fault.ts'
import type { Settings } from './settings.ts'

export interface LimitProblem {
  readonly code: FaultCode
  readonly message: string
}

interface Rule {
  readonly code: FaultCode
  readonly broken: (settings: Settings) => boolean
  /** What is wrong, why it matters and what to change. */
  readonly message: (settings: Settings) => string
}

const rules: readonly Rule[] = [
  {
    code: 'MR2006',
    broken: (s) => s.heartbeatIntervalMs * 3 > s.sessionTimeoutMs,
    message: (s) =>
      `heartbeatIntervalMs ${s.heartbeatIntervalMs} is more than a third of sessionTimeoutMs ${s.sessionTimeoutMs}: one lost heartbeat would expel the worker. Lower the first or raise the second.`,
  },
  {
    code: 'MR2006',
    broken: (s) => s.commitIntervalMs * 2 > s.transactionTimeoutMs,
    message: (s) =>
      `commitIntervalMs ${s.commitIntervalMs} is more than half of transactionTimeoutMs ${s.transactionTimeoutMs}: the broker would abort transactions that are not yet done. Lower the first or raise the second.`,
  },
  {
    code: 'MR2006',
    broken: (s) => s.restoreStallMs <= s.transactionTimeoutMs,
    message: (s) =>
      `restoreStallMs ${s.restoreStallMs} is not longer than transactionTimeoutMs ${s.transactionTimeoutMs}: a restore would give up before the broker has aborted what it waits for. Raise restoreStallMs.`,
  },
  {
    code: 'MR2006',
    broken: (s) => s.sessionTimeoutMs > s.rebalanceTimeoutMs,
    message: (s) =>
      `sessionTimeoutMs ${s.sessionTimeoutMs} is longer than rebalanceTimeoutMs ${s.rebalanceTimeoutMs}. Raise rebalanceTimeoutMs.`,
  },
  {
    code: 'MR2006',
    broken: (s) => s.stateMemoryBytes * 2 > s.memoryBytes,
    message: (s) =>
      `stateMemoryBytes ${s.stateMemoryBytes} is more than half of memoryBytes ${s.memoryBytes}, which buffers and JavaScript heaps are part of. Raise memoryBytes, or lower stateMemoryBytes.`,
  },
  {
    code: 'MR2006',
    broken: (s) => s.replicationFactor === 0,
    message: () => 'replicationFactor 0 is no number of replicas. Give -1 for the default of the broker, or 1 or more.',
  },
  {
    code: 'MR2006',
    broken: (s) => s.saslMechanism !== undefined && (s.saslUsername === undefined || s.saslPassword === undefined),
    message: (s) =>
      `saslMechanism ${s.saslMechanism} needs saslUsername and saslPassword. Set both, the password as env:NAME or file:path.`,
  },
  {
    code: 'MR2006',
    broken: (s) => s.saslMechanism === undefined && (s.saslUsername !== undefined || s.saslPassword !== undefined),
    message: () =>
      'saslUsername or saslPassword is set, but no saslMechanism: they would not be used. Set saslMechanism, or take them out.',
  },
  {
    code: 'MR2006',
    broken: (s) => (s.tlsCert === undefined) !== (s.tlsKey === undefined),
    message: () => 'tlsCert and tlsKey belong together: only one of them is set. Set both, or none.',
  },
  {
    code: 'MR2005',
    broken: (s) => s.tlsKey !== undefined && !s.tlsKey.reference.startsWith('file:'),
    message: () => 'tlsKey must be file:path: the key is read from a PEM file.',
  },
  {
    code: 'MR2006',
    broken: (s) => !s.tls && (s.tlsCa !== undefined || s.tlsCert !== undefined),
    message: () => 'tls is false, but tlsCa or tlsCert is set: they would not be used. Set tls to true, or take them out.',
  },
  {
    code: 'MR2007',
    broken: (s) => s.saslMechanism === 'plain' && !s.tls && !s.allowInsecure,
    message: () =>
      'saslMechanism plain without TLS sends the password in clear text. Set tls (or tlsCa), use scram-sha-512, or set allowInsecure where the network is trusted.',
  },
]

export function limitProblems(settings: Settings): readonly LimitProblem[] {
  return rules.filter((rule) => rule.broken(settings)).map((rule) => ({ code: rule.code, message: rule.message(settings) }))
}
