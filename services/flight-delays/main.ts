/** The service as one process: the same as `millrace run services/flight-delays/topology.ts`, with the same flags and environment. */
import { fileURLToPath } from 'node:url'
import { main } from '../../libs/command/main.ts'

process.exitCode = await main(['run', fileURLToPath(new URL('topology.ts', import.meta.url)), ...process.argv.slice(2)])
