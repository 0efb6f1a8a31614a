/**
 * `millrace run topology.ts`, or the command that the environment names, as the benchmark starts it: the product's own, in a process that
 * also ends when its stdin ends, which means that the harness has died.
 */
import { fileURLToPath } from 'node:url'
import { main } from '../../../libs/command/main.ts'

process.stdin.on('end', () => process.exit(1))
process.stdin.resume()
// Only watched: it must not keep a worker alive that has ended.
process.stdin.unref()

const command = (process.env['BENCH_COMMAND'] ?? 'run').split(' ')
process.exitCode = await main([...command, fileURLToPath(new URL('topology.ts', import.meta.url)), ...process.argv.slice(2)])
