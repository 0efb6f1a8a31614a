/**
 * Every seed that ever failed, with what it found. They run on every change.
 *
 * A seed means another run after each change of the simulator or of the number of requests that the engine makes; so it is kept as a cheap second
 * look, and what it found is held by a test of its own, named here. A list of steps would not survive either: what goes wrong is drawn at each
 * request, and a request more or less moves everything behind it. A distilled test says by name which request fails.
 */
export interface KeptSeed {
  readonly seed: number
  readonly found: string
  /** The test that holds it; or why there is none. */
  readonly heldBy: string
}

export const keptSeeds: readonly KeptSeed[] = [
  {
    seed: 1622,
    found: 'a transaction without an answer is not counted when another acquisition has committed before the task is acquired again',
    heldBy: 'test/unit/runtime/task-recovery.test.ts',
  },
  { seed: 427, found: 'a worker that dies while it is stopped is never done', heldBy: 'none: the simulator waited for a dead worker' },
  { seed: 719, found: 'as 427', heldBy: 'none: as 427' },
  { seed: 1077, found: 'a start that fails after the stop took the disk from its next user', heldBy: 'none: the simulator killed twice' },
  {
    seed: 563,
    found: 'a commit by which a stopped worker proves its store was not looked at',
    heldBy: 'none: the simulator looked too early',
  },
  { seed: 378, found: 'a day with a member that is cut off takes forever', heldBy: 'none: it tries again every ten seconds, as it should' },
  {
    seed: 1344,
    found: 'the last worker fails to start when all is calm, and nobody works',
    heldBy: 'none: the simulator started no other',
  },
  {
    seed: 27_015,
    found: 'a task is acquired for ever, since its store is in use',
    heldBy: 'none: the simulator let a dead worker open the store of its heir',
  },
  { seed: 35_244, found: 'as 27015, a moment later', heldBy: 'none: as 27015' },
]
