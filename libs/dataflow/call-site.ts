/** Where in the user's code a step was written: `services/surge/topology.ts:21`, for messages and drawings. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const OWN_FOLDER = fileURLToPath(new URL('.', import.meta.url))

/** Frames looked at: operators of libraries may call each other before they come to a step. */
const FRAMES_MAX = 30

/** The first caller outside of this folder; '' when there is none to be seen. */
export function callSite(): string {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES_MAX
  const stack = new Error('call site').stack ?? ''
  Error.stackTraceLimit = before
  for (const frame of stack.split('\n').slice(1)) {
    const place = placeOf(frame)
    if (place !== undefined && !place.file.startsWith(OWN_FOLDER)) return `${shortened(place.file)}:${place.line}`
  }
  return ''
}

function placeOf(frame: string): { readonly file: string; readonly line: string } | undefined {
  const match = /\(?((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):\d+\)?$/.exec(frame)
  const [, file, line] = match ?? []
  if (file === undefined || line === undefined) return undefined
  return { file: file.startsWith('file://') ? fileURLToPath(file.replace(/\?.*$/, '')) : file, line }
}

function shortened(file: string): string {
  const short = relative(process.cwd(), file)
  return short.startsWith('..') ? file : short
}
