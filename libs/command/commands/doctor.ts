/** `millrace doctor [module]`: everything that must hold before a worker starts, each check with its cure. */
import { resolve } from 'node:path'
import { internalNames } from '../../dataflow/plan.ts'
import { settingKeys } from '../../runtime/settings/settings.ts'
import { failed, ok, skipped, type Check } from '../checks.ts'
import { clusterChecks } from '../cluster-checks.ts'
import type { Command, CommandContext } from '../command.ts'
import { exitCodeOf, exitCodes, type ExitCode } from '../exit-codes.ts'
import { machineChecks } from '../machine-checks.ts'
import { columns } from '../text-table.ts'
import { loadTopology } from '../topology-module.ts'

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Check machine, settings, cluster and topics, each with its cure.',
  usage: '[module]',
  positionalsMin: 0,
  positionalsMax: 1,
  flags: { strict: { meaning: 'Exit with 1 for warnings too.' } },
  settings: settingKeys,
  details: [
    'Changes nothing. It opens a transactional producer named <application>.v<version>.doctor to see whether transactions are allowed.',
    'Exit code 1 when a check failed, 4 when the cluster cannot be reached.',
    'Example: millrace doctor services/surge-pricing/topology.ts --brokers localhost:9092',
  ],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const [module] = context.positionals
  const settings = await context.settings()
  const plan = module === undefined ? undefined : (await loadTopology(module, context.io.directory)).plan
  const prefix = plan === undefined ? '' : internalNames(plan.name, plan.version).prefix
  const machine = await machineChecks(settings, resolve(context.io.directory, settings.stateDirectory, prefix))
  const before = [ok('settings', 'valid'), ...machine]
  if (settings.brokers.length === 0)
    return report(
      context,
      [...before, skipped('cluster', 'no brokers are set: give --brokers, MILLRACE_BROKERS or a configuration file')],
      exitCodes.ok,
    )
  try {
    const log = await context.log()
    const cluster = await clusterChecks({ log, settings, plan, clock: context.world.clock })
    const isAway = cluster.some((check) => check.name === 'brokers' && check.verdict === 'failed')
    return report(context, [...before, ...cluster], isAway ? exitCodes.unreachable : exitCodes.ok)
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    return report(context, [...before, failed('brokers', found, 'Check brokers, network, TLS and SASL settings.')], exitCodeOf(error))
  }
}

function report(context: CommandContext, checks: readonly Check[], code: ExitCode): ExitCode {
  const count = (verdict: Check['verdict']): number => checks.filter((check) => check.verdict === verdict).length
  if (context.json) context.io.out(JSON.stringify({ checks, failed: count('failed'), warnings: count('warning') }))
  else {
    const rows = checks.flatMap((check) => [
      [check.verdict, check.name, check.found],
      ...(check.cure === '' ? [] : [['', '', `→ ${check.cure}`]]),
    ])
    context.io.out(columns(rows).join('\n'))
    const bad = count('failed')
    context.io.out(
      bad === 0
        ? `${checks.length} checks, ${count('warning')} warnings.`
        : `MR2031 ${bad} of ${checks.length} checks failed, ${count('warning')} warnings.`,
    )
  }
  const isBad = count('failed') > 0 || (context.has('strict') && count('warning') > 0)
  return code === exitCodes.ok && isBad ? exitCodes.failed : code
}
