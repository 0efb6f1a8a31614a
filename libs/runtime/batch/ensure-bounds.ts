/** The bounds of a batch, fixed once for all workers in the control topic; and what is refused before anything runs. */
import { Fault } from '../../faults/fault.ts'
import { decideInControl, readControl } from '../acquire/control.ts'
import type { ControlContext } from '../acquire/control.ts'
import type { Manifest } from '../acquire/manifest.ts'
import type { Wiring } from '../worker/wiring.ts'
import { boundsRecord, boundsText, resolveUntil } from './bounds.ts'
import type { BatchRequest, Bounds } from './bounds.ts'

/** Undefined: a stream. Faults MR5036 and MR5037. */
export async function ensureBounds(
  context: ControlContext,
  wiring: Wiring,
  { stateId }: Manifest,
  request: BatchRequest | undefined,
): Promise<Bounds | undefined> {
  const topic = wiring.names.control
  const { bounds: stored } = await readControl(context, topic)
  if (request === undefined || !request.close) {
    if (stored !== undefined) throw isBatch(wiring, stored)
    return request === undefined ? undefined : { positions: await resolveUntil(context.log, wiring, request.until), close: false }
  }
  const wanted: Bounds = { positions: await resolveUntil(context.log, wiring, request.until), close: true }
  return await decideInControl(context, topic, (view) => {
    if (view.bounds !== undefined) {
      // "Until the end" was the end of then; positions that are named must be the same.
      if (request.until.kind === 'positions' && boundsText(wanted) !== boundsText(view.bounds)) throw otherBounds(wiring, view.bounds)
      return { answer: view.bounds }
    }
    if (view.ran.size > 0) throw isStream(wiring)
    return { record: boundsRecord(wanted, stateId, context.clock.now()) }
  })
}

const isBatch = ({ names }: Wiring, bounds: Bounds): Fault =>
  new Fault(
    'MR5037',
    'stop',
    `${names.prefix} is a batch that ends at ${boundsText(bounds)}: behind its end every record would be late, so it does not go on as a stream. Nothing was started; repeat it with --until-end, or give the topology a new version for a stream`,
    { place: { topic: names.control } },
  )

const isStream = ({ names }: Wiring): Fault =>
  new Fault(
    'MR5037',
    'stop',
    `${names.prefix} has run as a stream, and a batch would close its windows for good. Nothing was started; add --no-close to stop at the end and go on later, or give the topology of the batch another name`,
    { place: { topic: names.control } },
  )

const otherBounds = ({ names }: Wiring, bounds: Bounds): Fault =>
  new Fault(
    'MR5036',
    'stop',
    `${names.prefix} is a batch that ends at ${boundsText(bounds)}, and other positions were given. Nothing was started; give these, or --until-end, or the topology a new version`,
    { place: { topic: names.control } },
  )
