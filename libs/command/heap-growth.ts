/**
 * Keeps the JavaScript heap close to what lives in it. By default V8 lets garbage grow to several times the live bytes before it collects
 * in full, which makes a worker's memory a matter of luck; the budget of the settings counts live bytes.
 *
 * Costs some processor time for collections (README.md, "Memory"). Soft: nothing fails when more is needed.
 */
import { setFlagsFromString } from 'node:v8'

/** How far the heap may grow over what lived after the last full collection, percent. */
const GROWTH_PERCENT = 60

export function boundHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
  setFlagsFromString('--max-semi-space-size=16')
}
