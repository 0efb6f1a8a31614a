/** The secrets among settings, so that the log can keep them out. */
import { Secret } from '../runtime/settings/secret.ts'
import type { Settings } from '../runtime/settings/settings.ts'

export const secretsOf = (settings: Settings): string[] =>
  Object.values(settings).flatMap((value) => (value instanceof Secret ? [value.reveal()] : []))
