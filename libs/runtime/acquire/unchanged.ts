/** Kept over a rebalance: a task goes on without restoring only if C still says what its state stands for (hole H5). */
import { Fault } from '../../faults/fault.ts'
import type { CommitRecord } from '../task/commit-record.ts'
import { compareNow } from './compare-positions.ts'
import type { CompareContext, Resolved } from './compare-positions.ts'

export type UnchangedContext = Omit<CompareContext, 'announced'> & { readonly commitRecord: CommitRecord }

/** Fault MR5033 (`acquire-again`) where something has changed. */
export async function checkUnchanged(context: UnchangedContext): Promise<void> {
  let decision: Resolved
  try {
    // An announced epoch is looked at by the barrier, if offsets say that there is something to look at.
    decision = await compareNow({
      ...context,
      announced: undefined,
      identity: () => context.identity(),
      onNote: (level, message, facts) => context.onNote(level, message, facts),
    })
  } catch (error) {
    // Whether it must stop is for the barrier to say: here nobody knows if another owner has worked meanwhile.
    throw error instanceof Fault && error.action === 'stop-task' ? changedMeanwhile(context, error) : error
  }
  const { positions } = context.commitRecord
  const agrees =
    decision.kind === 'run' &&
    !decision.commit &&
    context.task.inputs.every((input) => decision.positions.get(input.id) === positions[input.id])
  if (!agrees) throw changedMeanwhile(context)
}

function changedMeanwhile({ task }: UnchangedContext, cause?: Fault): Fault {
  const message = `${task.name}: the group's offsets or the inputs changed while the group was rebalancing; the task is acquired again`
  return new Fault('MR5033', 'acquire-again', message, { place: { task: task.name }, cause })
}
