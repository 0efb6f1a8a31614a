/** What the demo says: numbered steps, plain lines, and a live view where there is a terminal. */
const began = performance.now()

/** Seconds since the demo began. */
export const elapsedSeconds = (): number => (performance.now() - began) / 1000

const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
const paint = (code: string, text: string): string => (colour ? `\u001B[${code}m${text}\u001B[0m` : text)

export const bold = (text: string): string => paint('1', text)
export const green = (text: string): string => paint('32', text)
export const red = (text: string): string => paint('31', text)
export const dim = (text: string): string => paint('2', text)

export function say(line: string): void {
  process.stdout.write(`${dim(`${elapsedSeconds().toFixed(1).padStart(6)} s`)}  ${line}\n`)
}

export function headline(text: string): void {
  process.stdout.write(`\n${bold(text)}\n`)
}

/** Redraws its lines in place on a terminal; elsewhere prints one line every few seconds. */
export class LiveView {
  #drawn = 0
  #saidAt = -Infinity
  static readonly sayEveryMs = 3_000

  draw(lines: readonly string[], short: string): void {
    if (process.stdout.isTTY) {
      if (this.#drawn > 0) process.stdout.write(`\u001B[${this.#drawn}A\u001B[0J`)
      process.stdout.write(`${lines.join('\n')}\n`)
      this.#drawn = lines.length
      return
    }
    if (performance.now() - this.#saidAt < LiveView.sayEveryMs) return
    this.#saidAt = performance.now()
    say(short)
  }

  /** What follows is printed below. */
  keep(): void {
    this.#drawn = 0
  }
}
