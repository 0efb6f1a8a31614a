/** Stores on real files under a clock that moves by hand: while a file is being read or written, time stands still. */
import type { ManualClock } from '../../libs/memory/manual-clock.ts'
import type { Store, StoreHome } from '../../libs/state/store.ts'

const TURN_MS = 1
const nobody = new Int32Array(new SharedArrayBuffer(4))

export function withStandingTime(home: StoreHome, clock: ManualClock): StoreHome {
  /** `ManualClock.settle` waits as long as somebody yields; the pause leaves the processor to the threads that do the work. */
  async function still<T>(work: Promise<T>): Promise<T> {
    let done = false
    const end = (): void => void (done = true)
    work.then(end, end)
    await clock.yield()
    while (!done) {
      Atomics.wait(nobody, 0, 0, TURN_MS)
      await clock.yield()
    }
    return await work
  }
  const timed = (store: Store): Store => ({
    get: (key) => store.get(key),
    getMany: (keys) => still(store.getMany(keys)),
    scan: (range) => store.scan(range),
    write: (writes) => still(store.write(writes)),
    clearRanges: (ranges, writes) => still(store.clearRanges(ranges, writes)),
    sizeBytes: () => store.sizeBytes(),
    close: () => still(store.close()),
  })
  return {
    open: async (task) => timed(await still(home.open(task))),
    wipe: (task) => still(home.wipe(task)),
    list: () => still(home.list()),
    close: () => home.close(),
  }
}
