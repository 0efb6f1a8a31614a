/** From settings to a connection to Kafka. */
import { kafkaLog } from '../kafka/kafka-log.ts'
import type { KafkaLogger, KafkaOptions } from '../kafka/kafka-options.ts'
import type { Log } from '../runtime/ports/log.ts'
import type { Settings } from '../runtime/settings/settings.ts'
import type { Logger } from '../telemetry/logger.ts'

const TERMINAL_PATIENCE_MS = 5_000

export function connect(settings: Settings, logger: Logger | undefined): Log {
  // A person at a terminal waits for an answer; a worker, which has a log, may start before its brokers.
  if (logger === undefined) return kafkaLog({ ...kafkaOptions(settings), unreachableAfterMs: TERMINAL_PATIENCE_MS })
  return kafkaLog({ ...kafkaOptions(settings), log: noteTo(logger) })
}

export function kafkaOptions(settings: Settings): KafkaOptions {
  const { compression, tls, tlsCa, tlsCert, tlsKey, saslMechanism, saslUsername, saslPassword } = settings
  return {
    brokers: settings.brokers,
    clientId: settings.clientId,
    compression,
    // limits.ts has refused a key that is no file.
    ssl: tls ? { caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey?.reference.slice('file:'.length) } : undefined,
    sasl:
      saslMechanism === undefined || saslUsername === undefined || saslPassword === undefined
        ? undefined
        : { mechanism: saslMechanism, username: saslUsername, password: saslPassword.reveal() },
  }
}

/** A broker that is away is reported by every attempt to reach it: once in this time is enough. */
const REPEAT_MS = 30_000

function noteTo(logger: Logger): KafkaLogger {
  const last = new Map<string, { readonly at: number; count: number }>()
  return (level, message, details) => {
    const line = `${level} ${message}`
    const now = performance.now()
    const before = last.get(line)
    if (before !== undefined && now - before.at < REPEAT_MS) {
      before.count++
      return
    }
    if (last.size > 1_000) last.clear()
    last.set(line, { at: now, count: 0 })
    logger[level](before === undefined || before.count === 0 ? details : { ...details, repeated: before.count }, message)
  }
}
