/** Committed state of one step, as a test sees it: keys and values decoded as the step's own formats do. */
import type { Task } from '../runtime/task.ts'

export interface DriverStore {
  /** Undefined where there is no value. `cell`: for processors with several cells, the cell's name. */
  get(key: unknown, cell?: string): unknown
  entries(cell?: string): readonly (readonly [key: unknown, value: unknown])[]
}
