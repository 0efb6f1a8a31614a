/** `millrace replay ...`: run a new version of a topology beside the live one, compare, and switch. What it does is in ../replay-run.ts. */
import { settingKeys } from '../../runtime/settings/settings.ts'
import type { Command, CommandContext } from '../command.ts'
import type { ExitCode } from '../exit-codes.ts'
import { usage } from '../parse-arguments.ts'
import type { ReplayTarget } from '../replay-target.ts'

const ACTIONS = ['check', 'plan', 'start', 'status', 'verify', 'promote', 'rollback', 'abandon', 'drop'] as const
type Action = (typeof ACTIONS)[number]

export const replayCommand: Command = {
  name: 'replay',
  summary: 'Reprocess with a new version beside the live one, switch to it, and back.',
  usage: `${ACTIONS.join('|')} <module>`,
  positionalsMin: 2,
  positionalsMax: 2,
  flags: {
    version: { value: 'n', meaning: 'Version that is meant; default that of the module. rollback: default the one that was live before.' },
    rate: { value: 'n', meaning: 'start: at most so many records per second for the whole version.' },
    'yield-to-live': { meaning: 'start: slower while the lag of the live version grows.' },
    local: { meaning: 'start: run a worker of the new version in this process. Without it, start its workers yourself: millrace run.' },
    detach: { meaning: 'start: do not wait until it has caught up.' },
    wait: { value: 'time', meaning: 'How long to wait for the new version to catch up, such as 30s or 2h; default 1h.' },
    'max-lag': {
      value: 'n',
      meaning: 'start: wait until the new version is at most so many records behind; promote, rollback: switch then. Default 1000.',
    },
    'max-pause': { value: 'time', meaning: 'promote, rollback: abandon when outputs have stood still for so long; default 30s.' },
    records: { value: 'n', meaning: 'check: about so many records are looked at, the oldest of each partition; default 100000.' },
    tolerance: {
      value: 'part',
      meaning: 'verify, check: numbers are the same when they differ by at most this part, such as 1e-9; default 0.',
    },
    ignore: { value: 'field,...', meaning: 'verify, check: fields that are not compared, by name or path.' },
    sample: { value: 'part', meaning: 'verify: part of the keys that is compared, such as 0.1; default 1.' },
    html: { value: 'file', meaning: 'verify: write the report as one HTML page, too.' },
    'max-differences': {
      value: 'n',
      meaning: 'promote, rollback: at most so many rows of tables may be published at the switch; default 100000.',
    },
    now: {
      meaning: 'promote: halt the live version at once, however long the new one needs to catch up. For a live version that is wrong.',
    },
    fence: { meaning: 'promote: take the place of the live version, whatever its workers do. For one that is down or stuck.' },
    'keep-warm': { meaning: 'promote, rollback: the old version goes on in shadow, for a quick way back.' },
  },
  settings: settingKeys,
  details: [
    'check: runs the topology twice over the same records, in memory, and names the step whose results are not the same. Exit code 1 then.',
    'plan: what a replay would read and need; changes nothing.',
    'start: the new version reads the inputs from the start, beside the live one and never ahead of it. Its results go to topics of its own.',
    'status: which version is live, how far the others have come, the last switches.',
    'verify: halts both versions at the same place for a moment and compares what they have written. Exit code 1 when they differ.',
    'promote: halts both versions at the same place and makes the new one live. rollback: the same with the version before.',
    'abandon: ends an open switch, or else the replay. drop: deletes the topics of a version that does not work any more.',
    'Every action may be killed and given again.',
    'Example: millrace replay start services/surge-pricing/topology.ts --rate 50000',
  ],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const [action = ''] = context.positionals
  if (!isAction(action)) throw usage(`millrace replay does ${ACTIONS.join(', ')}, not "${action}"`)
  const { replayTarget } = await import('../replay-target.ts')
  const ending = new AbortController()
  const stopListening = context.world.onSignal(() => ending.abort())
  try {
    const target = await replayTarget(context, ending.signal)
    if (action !== 'start') return await act(context, action, target)
    return await start(context, target, stopListening)
  } finally {
    stopListening()
  }
}

const isAction = (word: string): word is Action => ACTIONS.some((one) => one === word)

async function act(context: CommandContext, action: Exclude<Action, 'start'>, target: ReplayTarget): Promise<ExitCode> {
  const commands = await import('../replay-run.ts')
  switch (action) {
    case 'check':
      return await (await import('../replay-check/replay-check.ts')).checkReplay(context, target)
    case 'plan':
      return await (await import('../replay-plan.ts')).plan(context, target)
    case 'status':
      return await commands.status(context, target)
    case 'verify':
      return await (await import('../replay-verify.ts')).verifyReplay(context, target)
    case 'promote':
      return await commands.promote(context, target)
    case 'rollback':
      return await commands.rollback(context, target)
    case 'abandon':
      return await commands.abandon(context, target)
    case 'drop':
      return await commands.drop(context, target)
  }
}

async function start(context: CommandContext, target: ReplayTarget, stopListening: () => void): Promise<ExitCode> {
  const commands = await import('../replay-run.ts')
  await commands.start(context, target)
  if (context.has('local')) {
    // The worker listens to signals by itself.
    stopListening()
    const [, module = ''] = context.positionals
    return await (await import('../run.ts')).run(context, module)
  }
  return context.has('detach') ? 0 : await commands.untilCaughtUp(context, target)
}
