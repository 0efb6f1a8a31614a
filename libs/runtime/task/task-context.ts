/** What a task is given by its worker, and what it tells of its past. */
import type { AcquireContext } from '../acquire/acquire.ts'
import type { PartitionReader } from '../ports/log.ts'
import type { RunContext } from './run-context.ts'

export interface TaskContext
  extends
    Omit<AcquireContext, 'signal' | 'onFenced' | 'onRestore'>,
    Omit<RunContext, 'poison' | 'careful' | 'wake' | 'onCommitted' | 'task' | 'probe' | 'identity' | 'clock' | 'settings'> {
  readonly reader: PartitionReader
  onCommitted(milliseconds: number): void
  onStopped(fault: Error): void
}
