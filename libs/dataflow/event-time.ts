/** Event time of a record, from what a user's function says. Pure. */
import { RecordRefused } from './plan.ts'

const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/

/** Epoch ms of a number or of ISO 8601 text. Text with a time needs a zone, or each machine would read it differently. */
export function millisOf(time: unknown): number {
  if (typeof time === 'number') {
    if (!Number.isFinite(time)) throw new RecordRefused('event-time', `the event time is ${time}`)
    if (!Number.isInteger(time)) throw new RecordRefused('event-time', `the event time ${time} is no whole number of milliseconds`)
    if (time < 0) throw new RecordRefused('event-time', `the event time ${time} is before 1970`)
    return time
  }
  if (typeof time === 'string') {
    if (!ISO.test(time)) {
      throw new RecordRefused(
        'event-time',
        `the event time "${time.slice(0, 40)}" is no ISO 8601 time with a zone, such as 2026-03-01T10:00:00Z`,
      )
    }
    return millisOf(Date.parse(time))
  }
  throw new RecordRefused('event-time', `the event time is ${time === null ? 'null' : typeof time}, not a number or text`)
}
