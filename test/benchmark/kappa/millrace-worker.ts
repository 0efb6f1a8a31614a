/**
 * `millrace run topology.ts` as the benchmark starts it: the product's own command, in a process that also ends when its stdin ends,
 * which means that the harness has died.
 */
import { fileURLToPath } from 'node:url'
import { main } from '../../../libs/command/main.ts'

process.stdin.on('end', () => process.exit(1))
process.stdin.resume()
// Only watched: it must not keep a worker alive that has ended.
process.stdin.unref()

process.exitCode = await main(['run', fileURLToPath(new URL('topology.ts', import.meta.url)), ...process.argv.slice(2)])
