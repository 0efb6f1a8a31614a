/** From settings to a connection to Kafka. */
import { kafkaLog } from '../kafka/kafka-log.ts'
import type { KafkaLogger, KafkaOptions } from '../kafka/kafka-options.ts'
import type { Log } from '../runtime/ports/log.ts'
import type { Settings } from '../runtime/settings.ts'
import type { Logger } from '../telemetry/logger.ts'

const TERMINAL_PATIENCE_MS = 5_000

export function connect(settings: Settings, logger: Logger | undefined): Log {
  // A person at a terminal waits for an answer; a worker, which has a log, may start before its brokers.
  if (logger === undefined) return kafkaLog({ ...kafkaOptions(settings), unreachableAfterMs: TERMINAL_PATIENCE_MS })
  return kafkaLog({ ...kafkaOptions(settings), log: noteTo(logger) })
}

export function kafkaOptions(settings: Settings): KafkaOptions {
  const { tls, tlsCa, tlsCert, tlsKey, saslMechanism, saslUsername, saslPassword } = settings
  return {
    brokers: settings.brokers,
    clientId: settings.clientId,
    // limits.ts has refused a key that is no file.
    ssl: tls ? { caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey?.reference.slice('file:'.length) } : undefined,
    sasl:
      saslMechanism === undefined || saslUsername === undefined || saslPassword === undefined
        ? undefined
        : { mechanism: saslMechanism, username: saslUsername, password: saslPassword.reveal() },
  }
}

const noteTo =
  (logger: Logger): KafkaLogger =>
  (level, message, details) =>
    logger[level](details, message)
