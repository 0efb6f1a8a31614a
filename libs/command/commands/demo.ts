/** `millrace demo`: the engine in ten seconds, without Kafka. */
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'

export const demoCommand: Command = {
  name: 'demo',
  summary: 'Watch the engine for ten seconds, without Kafka: windows close, a worker dies, the sums are exact.',
  usage: '',
  positionalsMin: 0,
  positionalsMax: 0,
  flags: {},
  settings: [],
  details: ['Runs on the in-memory log and ends by itself. The same on a real Kafka: make demo, in a checkout of Millrace.'],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const { runDemo } = await import('../demo-run.ts')
  const say = (line: string): void => (context.json ? undefined : context.io.out(line))
  const result = await runDemo({ say })
  if (context.json) context.io.out(JSON.stringify(result))
  if (result.difference !== undefined) {
    context.io.err(`NOT EQUAL: ${result.difference}`)
    return exitCodes.failed
  }
  say(
    `EQUAL: ${result.windows} windows of ${result.purchases.toLocaleString('en')} purchases, each exactly once, as plain loops over the same purchases give them`,
  )
  say('Next: millrace topology <module> prints a graph, millrace run <module> --brokers ... runs it on Kafka; the guide is in deploy/guide')
  return exitCodes.ok
}
