/**
 * A task's life (engine.md 3): a pure state machine. Every state answers every event; the compiler refuses a table with a hole.
 *
 *     assigned ──acquire──▶ fencing ──fenced──▶ restoring ──restored──▶ running ◀──resume── suspended
 *         ▲                    ▲                    │                     │  ▲                  ▲
 *         │                    └──── acquire-again ─┴─────────────────────┘  └────── suspend ───┘
 *      (new task)                                                         │
 *                                              halted · retired · ended ◀─┘          stopped: a person must decide
 *     every state ──close──▶ closed
 *
 * `refused` marks an event that cannot happen in a state: a broken promise of our own code, never a fault of the world.
 * `ignored` marks an event that may come late and means nothing any more.
 */
export type TaskLifeState =
  'assigned' | 'fencing' | 'restoring' | 'running' | 'suspended' | 'halted' | 'retired' | 'ended' | 'stopped' | 'closed'

export type TaskLifeEvent =
  /** Start the acquire barrier. */
  | 'acquire'
  /** The transactional id is ours and the fence records are written. */
  | 'fenced'
  /** The local store stands at our own fence record and the comparison said run. */
  | 'restored'
  /** The comparison said: the commit record is halted, retired or ended. */
  | 'found-halted'
  | 'found-retired'
  | 'found-ended'
  /** The group rebalances: nothing may be processed. */
  | 'suspend'
  /** The group gave the task again to this member. */
  | 'resume'
  /** A commit or the barrier failed: producer and overlays are gone. */
  | 'acquire-again'
  /** A decision of a switch (engine.md 6.2) or the end of a batch (6.3). */
  | 'halt'
  | 'continue'
  | 'retire'
  | 'end'
  /** A fault that only a person can lift. */
  | 'stop'
  /** The task is no longer ours, or the worker ends. */
  | 'close'

type Answer = TaskLifeState | 'refused' | 'ignored'

export const taskLifeTable: Readonly<Record<TaskLifeState, Readonly<Record<TaskLifeEvent, Answer>>>> = {
  assigned: {
    acquire: 'fencing',
    fenced: 'refused',
    restored: 'refused',
    'found-halted': 'refused',
    'found-retired': 'refused',
    'found-ended': 'refused',
    suspend: 'ignored',
    resume: 'ignored',
    'acquire-again': 'refused',
    halt: 'refused',
    continue: 'refused',
    retire: 'refused',
    end: 'refused',
    stop: 'stopped',
    close: 'closed',
  },
  fencing: {
    acquire: 'refused',
    fenced: 'restoring',
    restored: 'refused',
    'found-halted': 'refused',
    'found-retired': 'refused',
    'found-ended': 'refused',
    suspend: 'assigned',
    resume: 'ignored',
    'acquire-again': 'fencing',
    halt: 'refused',
    continue: 'refused',
    retire: 'refused',
    end: 'refused',
    stop: 'stopped',
    close: 'closed',
  },
  restoring: {
    acquire: 'refused',
    fenced: 'refused',
    restored: 'running',
    'found-halted': 'halted',
    'found-retired': 'retired',
    'found-ended': 'ended',
    suspend: 'assigned',
    resume: 'ignored',
    'acquire-again': 'fencing',
    halt: 'refused',
    continue: 'refused',
    retire: 'refused',
    end: 'refused',
    stop: 'stopped',
    close: 'closed',
  },
  running: {
    acquire: 'refused',
    fenced: 'refused',
    restored: 'refused',
    'found-halted': 'refused',
    'found-retired': 'refused',
    'found-ended': 'refused',
    suspend: 'suspended',
    resume: 'ignored',
    'acquire-again': 'fencing',
    halt: 'halted',
    continue: 'ignored',
    retire: 'refused',
    end: 'ended',
    stop: 'stopped',
    close: 'closed',
  },
  suspended: {
    acquire: 'refused',
    fenced: 'refused',
    restored: 'refused',
    'found-halted': 'refused',
    'found-retired': 'refused',
    'found-ended': 'refused',
    suspend: 'ignored',
    resume: 'running',
    'acquire-again': 'assigned',
    halt: 'refused',
    continue: 'ignored',
    retire: 'refused',
    end: 'refused',
    stop: 'stopped',
    close: 'closed',
  },
  halted: {
    acquire: 'refused',
    fenced: 'refused',
    restored: 'refused',
    'found-halted': 'refused',
    'found-retired': 'refused',
    'found-ended': 'refused',
    suspend: 'assigned',
    resume: 'ignored',
    'acquire-again': 'fencing',
    halt: 'ignored',
    continue: 'running',
    retire: 'retired',
    end: 'refused',
    stop: 'stopped',
    close: 'closed',
  },
  retired: {
    acquire: 'refused',
    fenced: 'refused',
    restored: 'refused',
    'found-halted': 'refused',
    'found-retired': 'refused',
    'found-ended': 'refused',
    suspend: 'assigned',
    resume: 'ignored',
    'acquire-again': 'fencing',
    halt: 'ignored',
    continue: 'running',
    retire: 'ignored',
    end: 'refused',
    stop: 'stopped',
    close: 'closed',
  },
  ended: {
    acquire: 'refused',
    fenced: 'refused',
    restored: 'refused',
    'found-halted': 'refused',
    'found-retired': 'refused',
    'found-ended': 'refused',
    suspend: 'assigned',
    resume: 'ignored',
    'acquire-again': 'fencing',
    halt: 'ignored',
    continue: 'refused',
    retire: 'ignored',
    end: 'ignored',
    stop: 'stopped',
    close: 'closed',
  },
  stopped: {
    acquire: 'fencing',
    fenced: 'ignored',
    restored: 'ignored',
    'found-halted': 'ignored',
    'found-retired': 'ignored',
    'found-ended': 'ignored',
    suspend: 'ignored',
    resume: 'ignored',
    'acquire-again': 'ignored',
    halt: 'ignored',
    continue: 'ignored',
    retire: 'ignored',
    end: 'ignored',
    stop: 'ignored',
    close: 'closed',
  },
  closed: {
    acquire: 'refused',
    fenced: 'ignored',
    restored: 'ignored',
    'found-halted': 'ignored',
    'found-retired': 'ignored',
    'found-ended': 'ignored',
    suspend: 'ignored',
    resume: 'ignored',
    'acquire-again': 'ignored',
    halt: 'ignored',
    continue: 'ignored',
    retire: 'ignored',
    end: 'ignored',
    stop: 'ignored',
    close: 'ignored',
  },
}

export type TaskLifeStep =
  { readonly kind: 'moved'; readonly to: TaskLifeState } | { readonly kind: 'ignored' } | { readonly kind: 'refused' }

/** What an event does to a state. The caller asserts that the answer is not `refused`. */
export function taskLife(state: TaskLifeState, event: TaskLifeEvent): TaskLifeStep {
  const answer = taskLifeTable[state][event]
  if (answer === 'refused' || answer === 'ignored') return { kind: answer }
  return { kind: 'moved', to: answer }
}

/** States in which the task owns its transactional id and an open store. */
export const ownsState = (state: TaskLifeState): boolean =>
  state === 'running' || state === 'suspended' || state === 'halted' || state === 'retired' || state === 'ended'
