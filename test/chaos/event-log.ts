/** One line for each thing that happened in a run, with its time since the start: `events.log` in the run's folder. */
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export class EventLog {
  readonly directory: string
  readonly #begun = Date.now()
  readonly #echo: (line: string) => void

  constructor(directory: string, echo: (line: string) => void) {
    this.directory = directory
    this.#echo = echo
    mkdirSync(directory, { recursive: true })
  }

  readonly say = (text: string): void => {
    const seconds = ((Date.now() - this.#begun) / 1_000).toFixed(1).padStart(7)
    const line = `${new Date().toISOString()} ${seconds} s  ${text}`
    appendFileSync(join(this.directory, 'events.log'), `${line}\n`)
    this.#echo(line)
  }

  /** Nothing went wrong: nobody will read it. */
  forget(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
