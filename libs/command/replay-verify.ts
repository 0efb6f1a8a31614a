/** `millrace replay verify`: compares what a version in shadow has written with what the live one has. */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { failPoint } from '../faults/fail-points.ts'
import { isEqual } from '../runtime/switch/compare-outputs.ts'
import { verify } from '../runtime/switch/verify.ts'
import type { CommandContext } from './command.ts'
import { exitCodes, type ExitCode } from './exit-codes.ts'
import { verificationHtml, verificationText } from './replay-report.ts'
import { belowMaxLag, MAX_PAUSE_MS_DEFAULT } from './replay-run.ts'
import { durationFlag, numberFlag } from './replay-target.ts'
import type { ReplayTarget } from './replay-target.ts'

export async function verifyReplay(context: CommandContext, target: ReplayTarget): Promise<ExitCode> {
  await belowMaxLag(context, target)
  const verification = await verify(target.shared, {
    to: target.version,
    pauseMsMax: durationFlag(context, 'max-pause') ?? MAX_PAUSE_MS_DEFAULT,
    plan: target.topology.plan,
    rules: {
      tolerance: numberFlag(context, 'tolerance', 0, 1) ?? 0,
      ignored: (context.flag('ignore') ?? '').split(',').filter((field) => field !== ''),
    },
    sample: numberFlag(context, 'sample', 0, 1) ?? 1,
    onStep: (step, detail) => {
      failPoint(`switch:${step}`)
      if (!context.json) context.io.err(`${step}: ${detail}`)
    },
  })
  const html = context.flag('html')
  if (html !== undefined) writeFileSync(resolve(context.io.directory, html), verificationHtml(verification, context.world.clock.now()))
  context.io.out(context.json ? JSON.stringify(verification) : verificationText(verification))
  return isEqual(verification.sinks) ? exitCodes.ok : exitCodes.failed
}
