/** `millrace status`: what running workers are doing, from their status documents. */
import { adminUrls, fetchStatus } from '../admin-client.ts'
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { bytes, count, seconds, table } from '../text-table.ts'
import { lagOf } from '../../runtime/worker/status.ts'
import type { TaskStatus, WorkerStatus } from '../../runtime/worker/status.ts'

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show what running workers are doing: tasks, lag, watermarks, restores, faults.',
  usage: '',
  positionalsMin: 0,
  positionalsMax: 0,
  flags: {
    admin: { value: 'url,...', meaning: 'Admin servers of the workers; default the one of the settings.' },
    check: { meaning: 'Exit with 5 when a task or worker has stopped because of a fault.' },
  },
  settings: ['adminHost', 'adminPort', 'adminToken'],
  details: ['Example: millrace status --admin worker-1:9464,worker-2:9464'],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const settings = await context.settings()
  const urls = adminUrls(context.flag('admin'), settings)
  const statuses = await Promise.all(urls.map((url) => fetchStatus(url, settings.adminToken?.reveal())))
  if (context.json) context.io.out(JSON.stringify(statuses))
  else statuses.forEach((status, index) => context.io.out(describe(status, urls[index] ?? '')))
  const hasFault = statuses.some((status) => status.fault !== undefined || status.tasks.some((task) => task.state === 'stopped'))
  return context.has('check') && hasFault ? exitCodes.fault : exitCodes.ok
}

/** One worker as lines of text. */
export function describe(status: WorkerStatus, url: string): string {
  const { worker, totals } = status
  const age = seconds((status.at - worker.startedAt) / 1000)
  const lines = [
    `${status.application} v${status.applicationVersion}  worker ${worker.id} (${url}): ${worker.state} for ${age}, generation ${worker.generation}`,
    `${totals.running} of ${totals.tasks} tasks running, lag ${count(totals.lagRecords)} records / ${seconds(totals.lagSeconds)}, ` +
      `${count(totals.processed)} processed, ${count(totals.late)} late, ${count(totals.refused)} refused, ${count(totals.deadLetters)} dead letters, ` +
      (totals.dropped === 0 ? '' : `${count(totals.dropped)} dropped, `) +
      (totals.leftOut === 0 ? '' : `${count(totals.leftOut)} left out, `) +
      (totals.resets === 0 ? '' : `${count(totals.resets)} resets, `) +
      `${count(totals.commits)} commits, ${count(totals.aborts)} aborts, state ${bytes(totals.storeBytes)}`,
  ]
  if (status.fault !== undefined) lines.push(`failed: ${status.fault.code} ${status.fault.message}`)
  if (status.tasks.length > 0)
    lines.push(
      '',
      ...table(
        ['task', 'state', 'epoch', 'lag', 'lag s', 'watermark', 'behind', 'commit', 'processed', 'held back by'],
        status.tasks.map(taskRow),
      ),
    )
  for (const task of status.tasks) lines.push(...restoreLines(task, status.at), ...faultLines(task))
  lines.push(...standbyLines(status))
  if (status.doNotScale) lines.push('', 'Tasks are restoring: do not add or remove workers now.')
  return lines.join('\n')
}

function taskRow(task: TaskStatus): string[] {
  const holding = task.inputs.filter((input) => input.holdsBack).map((input) => `${input.topic}:${input.partition}`)
  return [
    task.name,
    task.state,
    String(task.epoch),
    count(
      lagOf(
        task,
        (input) => input.lagRecords,
        (a, b) => a + b,
      ),
    ),
    seconds(lagOf(task, (input) => input.lagSeconds, Math.max)),
    task.watermark === null ? '-' : timeOf(task.watermark),
    task.watermarkDelaySeconds === null ? '-' : seconds(task.watermarkDelaySeconds),
    task.commits.lastMs === null ? '-' : `${Math.round(task.commits.lastMs)} ms`,
    count(task.processed),
    holding.join(' '),
  ]
}

/** Event times may lie outside of what a date can be. */
const timeOf = (time: number): string => (Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time))

const restoreLines = (task: TaskStatus, at: number): string[] =>
  task.restore.map(
    (restore) =>
      `  ${task.name} restores ${restore.step}: ${count(restore.remaining)} of the changelog left, ${bytes(restore.bytesRead)} read in ${seconds((at - restore.startedAt) / 1000)}, ready in ${seconds(restore.etaSeconds)}`,
  )

function standbyLines({ standbys = [], kept }: WorkerStatus): string[] {
  const rows = standbys.map(({ task, state, lagRecords, sizeBytes }) => [task, state, count(lagRecords), bytes(sizeBytes)])
  return [
    ...(rows.length === 0 ? [] : ['', ...table(['standby of', 'state', 'lag', 'size'], rows)]),
    ...standbys.flatMap(({ task, fault }) => (fault === undefined ? [] : [`  standby of ${task}: ${fault.code} ${fault.message}`])),
    ...(kept === undefined || kept.stores === 0 ? [] : ['', `${kept.stores} stores of former tasks are kept, ${bytes(kept.bytes)}`]),
  ]
}

const faultLines = (task: TaskStatus): string[] =>
  task.fault === undefined ? [] : [`  ${task.name} ${task.state}: ${task.fault.code} ${task.fault.message}`]
