/** `millrace topology <module>`: prints the graph. Needs no Kafka. */
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { usage } from '../parse-arguments.ts'
import { loadTopology, printTopology, topologyFormats } from '../topology-module.ts'

export const topologyCommand: Command = {
  name: 'topology',
  summary: 'Print the graph of a topology.',
  usage: '<module>',
  positionalsMin: 1,
  positionalsMax: 1,
  flags: {
    format: {
      value: topologyFormats.join('|'),
      meaning: 'Default text. kafka-streams: the text form of Kafka Streams, which its viewers draw.',
    },
  },
  settings: [],
  details: ['Example: millrace topology services/surge-pricing/topology.ts --format mermaid'],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const [module = ''] = context.positionals
  const format = context.flag('format') ?? (context.json ? 'json' : 'text')
  const printed = printTopology(await loadTopology(module, context.io.directory), format)
  if (printed === undefined) throw usage(`--format is ${topologyFormats.join(', ')}, and "${format}" is none of them`)
  context.io.out(printed.text.trimEnd())
  return exitCodes.ok
}
