/**
 * What the proxy can do to a request or an answer. At a *request*: the broker has not seen it yet. At a *response*: the broker has done it.
 *
 * |           | request                                                   | response                                        |
 * | --------- | --------------------------------------------------------- | ----------------------------------------------- |
 * | drop      | the broker never gets it, the client waits                | the client waits                                |
 * | cut       | the broker never gets it, the connection ends             | the connection ends instead of an answer        |
 * | delay     | goes on after a time                                      | the same                                        |
 * | hold      | goes on when it is released                               | the same                                        |
 * | copyLater | goes on now, and once more when it is released            | -                                               |
 * | duplicate | the broker gets it twice, the client one answer           | -                                               |
 * | answer    | the proxy answers with an error code, the broker is spared| the broker did it, and the client reads an error|
 * | damage    | -                                                         | one bit near the end is another                 |
 *
 * What is delayed or held does not hold up what follows on its connection; `holdAndCut` ends the connection too. Where the client's connection is gone when a request goes
 * on, it reaches the broker on a connection of its own: the late request of a client that has given up.
 */
export type Fault =
  | { readonly kind: 'pass' | 'drop' | 'cut' | 'duplicate' | 'damage' }
  | { readonly kind: 'delay'; readonly milliseconds: number }
  | { readonly kind: 'answer'; readonly errorCode: number }
  | Held

export const pass: Fault = { kind: 'pass' }
export const drop: Fault = { kind: 'drop' }
export const cut: Fault = { kind: 'cut' }
export const duplicate: Fault = { kind: 'duplicate' }
export const damage: Fault = { kind: 'damage' }
export const delay = (milliseconds: number): Fault => ({ kind: 'delay', milliseconds })
export const answer = (errorCode: number): Fault => ({ kind: 'answer', errorCode })
export const hold = (): Held => new Held('wait')
/** And the connection ends at once: a client that would give up after its time-out gives up now. */
export const holdAndCut = (): Held => new Held('cut')
export const copyLater = (): Held => new Held('pass')

/** Goes on; answers the error codes of the broker's answer where there is one to come and the proxy can read it. */
type GoOn = () => Promise<readonly number[] | undefined>

export class Held {
  readonly kind = 'hold'
  /** What happens meanwhile: the client waits, loses its connection, or the original goes on and what is held is a copy. */
  readonly meanwhile: 'wait' | 'cut' | 'pass'
  #waiting: GoOn[] = []
  #isReleased = false

  constructor(meanwhile: Held['meanwhile']) {
    this.meanwhile = meanwhile
  }

  get count(): number {
    return this.#waiting.length
  }

  /** Called by the proxy. */
  keep(goOn: GoOn): void {
    if (this.#isReleased)
      void goOn().catch(() => undefined) // Lost, as on any network, where the broker is away by then.
    else this.#waiting.push(goOn)
  }

  /** Lets all go on, and whatever comes later too. Answers what the broker answered to each. */
  async release(): Promise<readonly (readonly number[] | undefined)[]> {
    this.#isReleased = true
    const waiting = this.#waiting
    this.#waiting = []
    return Promise.all(waiting.map((goOn) => goOn()))
  }

  /** Forgets what waits: it is lost. */
  forget(): void {
    this.#waiting = []
  }
}
