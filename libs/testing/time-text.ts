/** Times in tests: epoch milliseconds, or ISO text with a zone. */
export function parseTime(time: number | string): number {
  const parsed = typeof time === 'number' ? time : Date.parse(time)
  if (!Number.isFinite(parsed))
    throw new RangeError(`${JSON.stringify(time)} is no time: give epoch milliseconds or ISO text such as 2026-01-01T10:00:00Z`)
  return parsed
}
