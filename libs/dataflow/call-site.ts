/** Where in the user's code a step was written: `services/surge/topology.ts:21`, for messages and drawings. */

/** `file:///x/y%20z.ts?query` → `/x/y z.ts`; paths stay. */
const pathOf = (place: string): string => (place.startsWith('file://') ? decodeURIComponent(new URL(place).pathname) : place)

const OWN_FOLDER = pathOf(new URL('.', import.meta.url).href)
/** The user's project: where this package is installed, or this repository itself. */
const PROJECT = OWN_FOLDER.includes('/node_modules/')
  ? OWN_FOLDER.slice(0, OWN_FOLDER.indexOf('/node_modules/') + 1)
  : pathOf(new URL('../../', import.meta.url).href)

/** Frames looked at: operators of libraries may call each other before they come to a step. */
const FRAMES_MAX = 30

/** The first caller outside of this folder; '' when there is none to be seen. */
export function callSite(): string {
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES_MAX
  const stack = new Error('call site').stack ?? ''
  Error.stackTraceLimit = before
  for (const frame of stack.split('\n').slice(1)) {
    const [, place, line] = /\(?((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):\d+\)?$/.exec(frame) ?? []
    if (place === undefined || line === undefined) continue
    const file = pathOf(place)
    if (!file.startsWith(OWN_FOLDER)) return `${file.startsWith(PROJECT) ? file.slice(PROJECT.length) : file}:${line}`
  }
  return ''
}
