/** `millrace run <module>`: one worker process. What it does is in ../run.ts, imported when it is needed. */
import { settingKeys } from '../../runtime/settings/settings.ts'
import type { Command } from '../command.ts'
import { untilFlags } from '../until-flags.ts'

export const runCommand: Command = {
  name: 'run',
  summary: 'Run a worker of a topology.',
  usage: '<module>',
  positionalsMin: 1,
  positionalsMax: 1,
  flags: untilFlags,
  settings: settingKeys,
  details: [
    'Start as many as the inputs have partitions; the group shares the tasks among them. A second one on the same machine needs',
    'its own --admin-port (0: any free one); each takes a seat of its own in the state directory.',
    'SIGTERM and SIGINT end in order within shutdownMs, a second one at once.',
    'Batch: --until-end reads what stands in the inputs now, closes every window, and ends with exit code 0.',
    'Example: millrace run services/surge-pricing/topology.ts --brokers localhost:9092',
  ],
  run: async (context) => (await import('../run.ts')).run(context, context.positionals[0] ?? ''),
}
