/**
 * A secret that cannot be printed by accident: text, JSON, `console.log` and the log library all show `[secret]`.
 *
 * Configuration holds references only (`env:NAME`, `file:path`); the value is read once, when the settings are resolved, and
 * handed out by `reveal()` at the place that needs it.
 */
import { inspect } from 'node:util'

/** Where a secret is: an environment variable, or a file that others cannot read. */
export type SecretReference = `env:${string}` | `file:${string}`

export class Secret {
  readonly reference: SecretReference
  readonly #value: string

  constructor(reference: SecretReference, value: string) {
    this.reference = reference
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return `Secret(${this.reference})`
  }
}
