/** How the engine tells a person what it does: a line of the log with facts, never control flow. */
export type Note = (level: 'debug' | 'info' | 'warn' | 'error', message: string, facts?: Readonly<Record<string, unknown>>) => void
