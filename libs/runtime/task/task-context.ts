/** What a task is given by its worker, and what it tells of its past. */
import type { AcquireContext } from '../acquire/acquire.ts'
import type { EffectCall } from '../../dataflow/plan.ts'
import type { Fault } from '../../faults/fault.ts'
import { EffectRunner } from '../effects/effect-runner.ts'
import type { PartitionReader } from '../ports/log.ts'
import type { RunContext } from './run-context.ts'

export interface TaskContext
  extends
    Omit<AcquireContext, 'signal' | 'lostTail' | 'onFenced' | 'onCommitRecord' | 'onRestore'>,
    Omit<RunContext, 'poison' | 'careful' | 'effects' | 'wake' | 'onCommitted' | 'task' | 'probe' | 'identity' | 'clock' | 'settings'> {
  readonly reader: PartitionReader
  onCommitted(milliseconds: number): void
  onStopped(fault: Error): void
  /** Its local store keeps failing: others should have the task (MR4030). */
  onGivenUp(fault: Fault): void
}

/** The calls of a task outlive its runs: what was committed before a failure is still made. */
export function effectRunner({ clock, task, onNote }: Pick<TaskContext, 'clock' | 'task' | 'onNote'>, onRoom: () => void): EffectRunner {
  const told = (call: EffectCall, error: unknown, failures: number): void => {
    // The 1st, 10th, 100th: a dead service must not fill the log.
    if (!/^10*$/.test(String(failures))) return
    const { topic, partition, offset } = call.position
    const place = topic === '' ? 'a result fired by time' : `${topic}-${partition}@${offset}`
    const why = error instanceof Error ? error.message : String(error)
    onNote(
      'warn',
      `${task.name}: the call of effect "${call.step}" for ${place} failed: ${why}; it is not made again (${failures} failed so far)`,
      {
        task: task.name,
        step: call.step,
      },
    )
  }
  return new EffectRunner(clock, told, onRoom)
}
