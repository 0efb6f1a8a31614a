/** `millrace state tasks|get|scan <module>`: looks into the stores of a stopped worker, or asks a running one for a key. */
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Fault } from '../../faults/fault.ts'
import { internalNames } from '../../dataflow/plan.ts'
import type { AnyFormat } from '../../dataflow/format.ts'
import type { InspectedStore } from '../../state/inspection.ts'
import { adminUrls, askAdmin, messageOf } from '../admin-client.ts'
import type { Command, CommandContext } from '../command.ts'
import { exitCodes, type ExitCode } from '../exit-codes.ts'
import { keyBytesOf, keyFormatOf, keySpellings, type KeySpelling } from '../key-text.ts'
import { usage } from '../parse-arguments.ts'
import { settingKeys } from '../../runtime/settings/settings.ts'
import { jsonSafe } from '../../telemetry/json-safe.ts'
import { viewOfKey, viewOfStep } from '../state-view.ts'
import { timestampOf } from '../until-flags.ts'
import { table } from '../text-table.ts'
import { loadTopology, type LoadedTopology } from '../topology-module.ts'

export const stateCommand: Command = {
  name: 'state',
  summary: 'Look into the state of a stopped worker, or of a running one.',
  usage: 'tasks|get|scan <module> [store] [key]',
  positionalsMin: 2,
  positionalsMax: 4,
  flags: {
    running: { meaning: 'get: ask running workers, by their admin servers, instead of the directory.' },
    admin: { value: 'url,...', meaning: 'Admin servers to ask; default the one of the settings. Implies --running.' },
    'key-as': {
      value: keySpellings.join('|'),
      meaning: 'How the key is written. Default text; json for numbers, true, false and tuples; hex for bytes.',
    },
    at: {
      value: 'time',
      meaning:
        'get: the state of then, computed anew from the retained inputs up to that log time (ISO 8601 or epoch ms); nothing on the cluster is changed.',
    },
    limit: { value: 'n', meaning: 'scan: at most so many entries of each task. Default 20.' },
  },
  settings: settingKeys,
  details: [
    'tasks <module>              the tasks that have a store here, with their last commit and their steps',
    'get <module> <store> <key>  what a step keeps for a key',
    'scan <module> <store>       the first entries of a step, in the order of their bytes',
    'A store is called as its step. The directory of a worker that runs is locked: use --running.',
    'With --at the question goes to the past: what the step kept for the key then, as the code of today computes it.',
    'Example: millrace state get services/surge-pricing/topology.ts smoothing 5251:1337 --running',
  ],
  run,
}

async function run(context: CommandContext): Promise<ExitCode> {
  const [action, module = '', store, key] = context.positionals
  const topology = await loadTopology(module, context.io.directory)
  switch (action) {
    case 'tasks':
      return await tasks(context, topology)
    case 'get':
      if (store === undefined || key === undefined) throw usage('millrace state get <module> <store> <key>')
      return await get(context, topology, store, key)
    case 'scan':
      if (store === undefined) throw usage('millrace state scan <module> <store>')
      return await scan(context, topology, store)
    default:
      throw usage(`millrace state does tasks, get or scan, not "${action}"`)
  }
}

interface Place {
  readonly directory: string
  readonly task: string
}

/** Every store in every seat of the application. */
async function places(context: CommandContext, { plan }: LoadedTopology): Promise<readonly Place[]> {
  const { stateDirectory } = await context.settings()
  const base = resolve(context.io.directory, stateDirectory, internalNames(plan.name, plan.version).prefix)
  if (!existsSync(base))
    throw new Fault(
      'MR2050',
      'stop',
      `there is no state of ${plan.name} v${plan.version} in ${base}. Set stateDirectory, or ask a running worker with --running.`,
    )
  const seats = readdirSync(base, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const found = await Promise.all(seats.map(async ({ name }) => await placesIn(join(base, name))))
  return found.flat()
}

async function placesIn(directory: string): Promise<readonly Place[]> {
  const { inspectTasks } = await import('../../state/inspect.ts')
  return (await inspectTasks(directory)).map((task) => ({ directory, task }))
}

async function withStore<T>(place: Place, look: (store: InspectedStore) => T): Promise<T> {
  const { inspectStore } = await import('../../state/inspect.ts')
  const store = await inspectStore(place.directory, place.task).catch((error: unknown) => {
    if (!(error instanceof Fault) || error.code !== 'MR4002') throw error
    throw new Fault(
      'MR2050',
      'stop',
      `the store of ${place.task} in ${place.directory} is open in a running worker. Ask that worker: millrace state get ... --running`,
      { cause: error },
    )
  })
  try {
    return look(store)
  } finally {
    await store.close()
  }
}

async function tasks(context: CommandContext, topology: LoadedTopology): Promise<ExitCode> {
  const rows = []
  for (const place of await places(context, topology)) {
    rows.push(
      await withStore(place, ({ mark, steps }) => ({
        task: place.task,
        directory: place.directory,
        epoch: mark?.epoch ?? null,
        n: mark?.n ?? null,
        complete: mark?.complete ?? false,
        completeAt: mark?.completeAt ?? null,
        positions: mark?.positions ?? {},
        steps: steps.map(({ step, cells }) => ({ step, cells: Object.fromEntries(cells) })),
      })),
    )
  }
  const text = rows.map((row) => [
    row.task,
    String(row.n ?? '-'),
    row.complete ? 'complete' : 'half restored',
    row.completeAt === null ? '-' : new Date(row.completeAt).toISOString(),
    row.steps.map(({ step }) => step).join(', '),
    Object.entries(row.positions)
      .map(([input, position]) => `${input}@${position}`)
      .join(' '),
  ])
  context.io.out(context.json ? JSON.stringify(rows) : table(['task', 'commit', 'state', 'at', 'stores', 'positions'], text).join('\n'))
  return exitCodes.ok
}

function spellingOf(context: CommandContext): KeySpelling {
  const wanted = context.flag('key-as') ?? 'text'
  const found = keySpellings.find((spelling) => spelling === wanted)
  if (found === undefined) throw usage(`--key-as is ${keySpellings.join(', ')}, and "${wanted}" is none of them`)
  return found
}

function formatOf({ topology, plan }: LoadedTopology, store: string): AnyFormat {
  const stores = plan.subTopologies.flatMap((sub) => sub.stores.map(({ step }) => step))
  const format = stores.includes(store) ? keyFormatOf(topology, store) : undefined
  if (format !== undefined) return format
  throw new Fault('MR2050', 'stop', `${plan.name} has no store "${store}"; there are: ${stores.join(', ') || 'none'}`)
}

async function get(context: CommandContext, topology: LoadedTopology, store: string, key: string): Promise<ExitCode> {
  const spelling = spellingOf(context)
  const bytes = keyBytesOf(key, spelling, formatOf(topology, store))
  if (context.has('running') || context.has('admin')) return await getFromRunning(context, store, key, spelling)
  const at = context.flag('at')
  if (at === undefined) return await getFrom(context, topology, await places(context, topology), { store, key, bytes })
  const { withPastState } = await import('../past-state.ts')
  return await withPastState(context, topology, timestampOf(at), async (directory) =>
    getFrom(context, topology, await placesIn(directory), { store, key, bytes }),
  )
}

interface Question {
  readonly store: string
  readonly key: string
  readonly bytes: Uint8Array
}

async function getFrom(
  context: CommandContext,
  topology: LoadedTopology,
  all: readonly Place[],
  { store, key, bytes }: Question,
): Promise<ExitCode> {
  let newest: { readonly task: string; readonly value: unknown; readonly epoch: number; readonly n: number } | undefined
  for (const place of all.filter((one) =>
    topology.plan.subTopologies.some((sub) => sub.stores.some(({ step }) => step === store) && one.task.startsWith(`${sub.name}.`)),
  )) {
    const found = await withStore(place, (inspected) => ({
      value: viewOfKey(inspected, store, bytes),
      n: inspected.mark?.n ?? -1,
      epoch: inspected.mark?.epoch ?? 0,
    }))
    if (found.value === undefined) continue
    // A task that moved between seats leaves its older store behind: the newest commit tells.
    if (newest === undefined || found.epoch > newest.epoch || (found.epoch === newest.epoch && found.n > newest.n))
      newest = { ...found, task: place.task }
  }
  if (newest !== undefined) {
    context.io.out(show(context, { store, key, task: newest.task, value: newest.value }))
    return exitCodes.ok
  }
  throw new Fault(
    'MR2050',
    'stop',
    `no state for the key ${key} of ${store} in ${all.map((place) => place.task).join(', ') || 'any task'} of this directory`,
  )
}

async function getFromRunning(context: CommandContext, store: string, key: string, spelling: KeySpelling): Promise<ExitCode> {
  const settings = await context.settings()
  const token = (settings.stateReadsToken ?? settings.adminToken)?.reveal()
  const path = `/state/${store.split('/').map(encodeURIComponent).join('/')}/${encodeURIComponent(key)}?key-as=${spelling}`
  const replies = []
  for (const url of adminUrls(context.flag('admin'), settings)) {
    const reply = await askAdmin(url, path, token)
    if (reply.code === 200) {
      context.io.out(show(context, reply.body))
      return exitCodes.ok
    }
    replies.push(`${url}: ${messageOf(reply.body)}`)
  }
  throw new Fault('MR2050', 'stop', `no state for the key ${key} of ${store}. ${replies.join('; ')}`)
}

async function scan(context: CommandContext, topology: LoadedTopology, store: string): Promise<ExitCode> {
  if (context.has('running') || context.has('admin'))
    throw usage('scan looks into the stores of stopped workers; a running one answers single keys: millrace state get ... --running')
  const format = formatOf(topology, store)
  const limit = Number(context.flag('limit') ?? 20)
  if (!Number.isSafeInteger(limit) || limit < 1) throw usage('--limit must be a whole number above 0')
  for (const place of await places(context, topology)) {
    const entries = await withStore(place, (inspected) => viewOfStep(inspected, store, format, limit))
    for (const entry of entries) context.io.out(JSON.stringify({ task: place.task, ...entry }, jsonSafe))
  }
  return exitCodes.ok
}

const show = (context: CommandContext, value: unknown): string => JSON.stringify(value, jsonSafe, context.json ? undefined : 2)
