/**
 * One connection to one broker, made when it is first needed and made again when it was lost.
 *
 * A broker takes one request of a connection at a time, in order: whoever must not wait for others' requests (a long poll, a
 * join) has a link of its own. After a time-out, or when it was idle or authenticated for too long, a connection is replaced
 * rather than repaired: kafkajs takes the answer to another request for the answer to a re-authentication.
 */
import { Fault } from '../../faults/fault.ts'
import type { Address, KafkaSettings } from '../kafka-options.ts'
import { addressText } from '../kafka-options.ts'
import type { Api } from './api.ts'
import { code, errorName, NoAnswer } from './api.ts'
import { apiVersionsApi } from './cluster-apis.ts'
import { FramedConnection } from './framed-connection.ts'
import type { KafkajsLogger } from './kafkajs.ts'
import { isAuthenticationFailure, isTimeout } from './kafkajs.ts'
import { checkVersions } from './required-apis.ts'

/** Brokers close connections that are idle for connections.max.idle.ms (10 minutes): we are first, so that no request meets the end. */
const IDLE_MS_MAX = 4 * 60_000

export class Link {
  readonly address: string
  readonly #target: Address
  readonly #settings: KafkaSettings
  #connection: FramedConnection | undefined
  #connecting: Promise<FramedConnection> | undefined
  #usedAt = 0
  #closed = false

  constructor(target: Address, settings: KafkaSettings) {
    this.#target = target
    this.#settings = settings
    this.address = addressText(target)
  }

  get isConnected(): boolean {
    return this.#connection?.isConnected() ?? false
  }

  /** Throws NoAnswer, or a Fault (`stop`) for a broker that refuses our login or versions. `timeoutMs` only lengthens the usual one. */
  async send<Request, Answer>(api: Api<Request, Answer>, request: Request, timeoutMs = 0): Promise<Answer> {
    const connection = await this.#ready(api.name)
    this.#usedAt = performance.now()
    try {
      return await connection.ask(api, request, timeoutMs)
    } catch (cause) {
      if (cause instanceof Fault) throw cause
      if (isTimeout(cause)) this.#drop(connection)
      throw new NoAnswer(api.name, this.address, true, cause)
    }
  }

  /** At once: requests that wait for their answer fail. */
  close(): void {
    this.#closed = true
    if (this.#connection) this.#drop(this.#connection)
  }

  async #ready(apiName: string): Promise<FramedConnection> {
    if (this.#closed) throw new NoAnswer(apiName, this.address, false, new Error('the link is closed'))
    const current = this.#connection
    if (current?.isConnected()) {
      const isFresh = performance.now() - this.#usedAt < IDLE_MS_MAX && (this.#settings.sasl === null || current.isAuthenticated())
      if (isFresh) return current
      this.#connection = undefined
      void this.#end(current)
    }
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    try {
      return await this.#connecting
    } catch (cause) {
      if (cause instanceof Fault) throw cause
      throw new NoAnswer(apiName, this.address, false, cause)
    }
  }

  async #connect(): Promise<FramedConnection> {
    const { connectTimeoutMs } = this.#settings
    const connection = this.#newConnection()
    // kafkajs never settles `connect` when the other side ends the connection during it.
    const timer = new Error(`no connection after ${connectTimeoutMs} ms`)
    try {
      await within(connectTimeoutMs, connection.connect(), timer)
      await within(connectTimeoutMs, this.#greet(connection), timer)
    } catch (error) {
      this.#drop(connection)
      throw error
    }
    if (this.#closed) {
      this.#drop(connection)
      throw new Error('the link was closed')
    }
    this.#connection = connection
    return connection
  }

  async #greet(connection: FramedConnection): Promise<void> {
    const { errorCode, ranges } = await connection.ask(apiVersionsApi, undefined, 0)
    if (errorCode !== code.NONE) throw new Error(`ApiVersions: ${errorName(errorCode)}`)
    checkVersions(this.address, ranges)
    if (this.#settings.sasl === null) return
    connection.setVersions(Object.fromEntries(ranges.map(({ key, min, max }) => [key, { minVersion: min, maxVersion: max }])))
    connection.setSupportAuthenticationProtocol(true)
    try {
      await connection.authenticate()
    } catch (cause) {
      if (!isAuthenticationFailure(cause)) throw cause
      throw new Fault(
        'MR3022',
        'stop',
        `the broker at ${this.address} refuses the login of ${this.#settings.sasl.username} by ${this.#settings.sasl.mechanism}: ` +
          `${cause instanceof Error ? cause.message : String(cause)}. Check user name, password and mechanism.`,
        { cause },
      )
    }
  }

  #newConnection(): FramedConnection {
    const { clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = this.#settings
    return new FramedConnection({
      ...this.#target,
      clientId,
      logger: connectionLogger(this.#settings, this.address),
      ssl: tls,
      // kafkajs puts its authenticator into this object.
      sasl: sasl === null ? null : { ...sasl },
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
    })
  }

  #drop(connection: FramedConnection): void {
    if (this.#connection === connection) this.#connection = undefined
    connection.rejectRequests(new Error('the connection was closed by this side'))
    void this.#end(connection).then(() => connection.socket?.destroy())
  }

  /** Waits for the answers that are due, then closes. */
  async #end(connection: FramedConnection): Promise<void> {
    try {
      await connection.disconnect()
    } catch (error) {
      this.#settings.log('warn', `closing the connection to ${this.address} failed`, { error })
    }
  }
}

/** kafkajs' debug and info lines are about itself; what matters is told by our own faults too, so its errors become warnings. */
function connectionLogger({ log }: KafkaSettings, broker: string): KafkajsLogger {
  const quiet = (): void => undefined
  const tell = (message: string, extra: object = {}): void => log('warn', message, { broker, ...extra, stack: undefined })
  const logger: KafkajsLogger = { namespace: () => logger, debug: quiet, info: quiet, warn: tell, error: tell }
  return logger
}

async function within<T>(milliseconds: number, work: Promise<T>, late: Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([
      work,
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(late), milliseconds)
      }),
    ])
  } finally {
    clearTimeout(timer)
  }
}
