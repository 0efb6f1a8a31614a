/** All commands, in the order of `millrace --help`. */
import type { Command } from './command.ts'
import { completionCommand } from './commands/completion.ts'
import { configCommand } from './commands/config.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { explainCommand } from './commands/explain.ts'
import { loadCommand } from './commands/load.ts'
import { replayCommand } from './commands/replay.ts'
import { resetCommand } from './commands/reset.ts'
import { runCommand } from './commands/run.ts'
import { stateCommand } from './commands/state.ts'
import { statusCommand } from './commands/status.ts'
import { topicsCommand } from './commands/topics.ts'
import { topologyCommand } from './commands/topology.ts'
import { versionCommand } from './commands/version.ts'

export const commands: readonly Command[] = [
  runCommand,
  replayCommand,
  demoCommand,
  topologyCommand,
  topicsCommand,
  statusCommand,
  stateCommand,
  resetCommand,
  doctorCommand,
  loadCommand,
  explainCommand,
  configCommand,
  versionCommand,
  completionCommand(() => commands),
]
