/** The end of a batch inside a task: inputs that have reached their bound move event time to its end (engine.md 6.3). */
import { END_OF_TIME } from '../../dataflow/plan.ts'
import type { InputQueue } from '../task/input-queue.ts'
import type { TaskTime } from '../task/task-time.ts'
import type { Bounds } from './bounds.ts'

/** External inputs give out nothing at or behind their bound. */
export function limitInputs(queues: readonly InputQueue[], bounds: Bounds | undefined): void {
  if (bounds === undefined) return
  for (const queue of queues) {
    const bound = bounds.positions[queue.wiring.id]
    if (queue.wiring.external !== undefined && bound !== undefined) queue.limitTo(bound)
  }
}

/** Raises the watermark of external inputs. True when the task's watermark moved. */
export function liftInputs(queues: readonly InputQueue[], time: TaskTime, watermark: number): boolean {
  let moved = false
  for (const { wiring } of queues) if (wiring.external !== undefined && time.lift(wiring.id, watermark)) moved = true
  return moved
}

/** As `liftInputs`, to the end of time, for those that have reached their bound. */
export const endReachedInputs = (queues: readonly InputQueue[], time: TaskTime): boolean =>
  liftInputs(
    queues.filter((queue) => queue.limitReached),
    time,
    END_OF_TIME,
  )

/** Nothing more can come: every window and timer of the task has fired, and every later stage is told by the marker of this transaction. */
export const isEnded = (watermark: number, markerOut: number | undefined, sendsMarkers: boolean): boolean =>
  watermark === END_OF_TIME && (!sendsMarkers || markerOut === END_OF_TIME)
