/** What Node has made of our TypeScript, kept for the next start (millrace.mjs says where). */
import { flushCompileCache } from 'node:module'

/** Early, since whoever is killed says nothing any more; but behind the start, which writing it would hold up. Then what was loaded later. */
const AFTER_MS = [1_000, 15_000]

/** Soon; whoever ends before then keeps what there is by himself. */
export function keepCompiled(): void {
  for (const milliseconds of AFTER_MS) setTimeout(flushCompileCache, milliseconds).unref()
}

/** For a thread that ends: it goes without a word. */
export const keepCompiledNow = flushCompileCache
