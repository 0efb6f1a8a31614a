/** How much a test does: a little in `make test`, all of it in `make test-full` (TEST_FULL=1). */
export const isFullRun = process.env['TEST_FULL'] === '1'

/** Kills, seeds, rounds: what every change can afford, and what a release must have seen. */
export const scaled = (reduced: number, full: number): number => (isFullRun ? full : reduced)
