/** What Node has made of our TypeScript, kept for the next start (millrace.mjs says where). */
import { flushCompileCache } from 'node:module'

/** Early, since whoever is killed says nothing any more; but behind the start, which writing it would hold up. Then what was loaded later. */
const AFTER_MS = [1_000, 15_000]

/** Writes it in a while. A thread that ends before then has to call flushCompileCache by itself: it goes without a word. */
export function writeCompiledSoon(): void {
  for (const milliseconds of AFTER_MS) setTimeout(flushCompileCache, milliseconds).unref()
}
