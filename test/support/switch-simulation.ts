/**
 * One seeded life of an application with two versions: records come, workers are killed and started, commands promote, roll back, verify
 * and abandon, two at the same moment, and die in between. In the end every result must be in the real topics once, and one version live.
 */
import { json, minutes, seconds, text, topic, topology, tumbling, type } from 'millrace'
import type { Topology } from 'millrace'
import { Fault } from '../../libs/faults/fault.ts'
import { startReplay } from '../../libs/runtime/switch/replays.ts'
import { abandonOpen, runSwitch } from '../../libs/runtime/switch/run-switch.ts'
import type { SwitchRequest, SwitchStep } from '../../libs/runtime/switch/run-switch.ts'
import type { Seat } from './memory-application.ts'
import { mulberry32 } from './shuffled-schedule.ts'
import { TwoVersions } from './two-versions.ts'

interface Click {
  readonly page: string
  readonly at: number
}
const clicks = topic('clicks', { key: text, value: json(type<Click>()) })
const seen = topic('seen', { key: text, value: json(type<{ readonly at: number }>()) })
const finals = topic('finals', { key: text, value: json(type<{ readonly start: number; readonly clicks: number }>()) })
const PARTITIONS = 2
const MINUTE = 60_000
const PAGES = ['a', 'b', 'c']
const LATENESS = [0, 30, 90]
const STAGES = [1, 2, 2, 3]
const STEPS: readonly SwitchStep[] = ['opened', 'live-halted', 'cut', 'new-halted', 'decided']

/** One stage to three; events and finals; each version with stages and a lateness of its own. */
const shop = (stages: number, version: number, latenessSeconds: number): Topology =>
  topology('shop', { version }, (flow) => {
    const input = flow.stream(clicks, { eventTime: (click) => click.at })
    let keyed = input
    // Another key, so that records of one source partition are spread over the tasks between.
    if (stages === 3) keyed = keyed.keyBy('time', (click) => String(click.at))
    if (stages > 1) keyed = keyed.keyBy('page', (click) => click.page)
    keyed.map((click) => ({ at: click.at })).to(seen)
    keyed
      .window('minute', tumbling(minutes(1)), { lateness: seconds(latenessSeconds) })
      .count((total, { window }) => ({ start: window.start, clicks: total }))
      .to(finals)
  })

export interface SwitchLife {
  /** What happened, for whoever looks for the reason. */
  readonly story: readonly string[]
  readonly failures: readonly string[]
  readonly flips: number
  /** Flips at which records stood between the stages of the old version. */
  readonly owing: number
}

export async function switchLife(seed: number): Promise<SwitchLife> {
  const life = new Life(seed)
  try {
    return await life.run()
  } finally {
    await life.close()
  }
}

class Life {
  readonly #random: () => number
  readonly #story: string[] = []
  readonly #sent: Click[] = []
  readonly #seats = new Map<number, Seat>()
  #versions: readonly [Topology, Topology] | undefined
  #world: TwoVersions | undefined
  #time = 0

  constructor(seed: number) {
    this.#random = mulberry32(seed)
  }

  async run(): Promise<SwitchLife> {
    const stages = [this.#pick(STAGES), this.#pick(STAGES)] as const
    const [old, next] = [this.#pick(LATENESS), this.#pick(LATENESS)]
    this.#versions = [shop(stages[0], 1, old), shop(stages[1], 2, next)]
    this.#story.push(`${stages.join(' and ')} stages, lateness ${old} and ${next} s`)
    this.#world = await TwoVersions.open(...this.#versions, {
      partitions: PARTITIONS,
      settings: { sessionTimeoutMs: 2_000, heartbeatIntervalMs: 500, transactionTimeoutMs: 2_000 },
    })
    await this.#send(6)
    await this.#start(1)
    await this.#start(2)
    await this.#command('replay 2', async (context) => await startReplay(context, 2, {}, 1))
    for (let step = 0; step < 14; step += 1) await this.#anything()
    try {
      await this.#end()
    } catch (error) {
      return { story: this.#story, failures: [String(error), ...this.#faults()], flips: 0, owing: 0 }
    }
    return { story: this.#story, failures: await this.#failures(), ...(await this.#flips()) }
  }

  async close(): Promise<void> {
    await this.#world?.app.close()
  }

  get #app(): TwoVersions {
    if (this.#world === undefined) throw new Error('it has not begun')
    return this.#world
  }

  #pick<T>(list: readonly T[]): T {
    const one = list[Math.floor(this.#random() * list.length)]
    if (one === undefined) throw new Error('nothing to pick from')
    return one
  }

  async #anything(): Promise<void> {
    const chance = this.#random()
    if (chance < 0.35) await this.#send(1 + Math.floor(this.#random() * 6))
    else if (chance < 0.42) await this.#crash(this.#pick([1, 2]))
    else if (chance < 0.5) await this.#stuckBetweenStages()
    else if (chance < 0.85) await this.#switch(this.#random() < 0.4)
    else if (chance < 0.92) void this.#launch('abandon', async (context) => await abandonOpen(context, 'by hand'))
    else await this.#pass(3_000)
    if (this.#random() < 0.6) await this.#pass(Math.floor(this.#random() * 1_500))
  }

  /** Time goes on by about as much. */
  async #pass(milliseconds: number): Promise<void> {
    await this.#app.app.during(this.#app.app.clock.sleep(milliseconds))
  }

  async #send(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      this.#time += Math.floor(this.#random() * 25_000)
      const click = { page: this.#pick(PAGES), at: this.#time }
      this.#sent.push(click)
      // One partition for each page, so that no record is late.
      await this.#app.app.send('clicks', click.page, click, { partition: PAGES.indexOf(click.page) % PARTITIONS, timestamp: click.at })
    }
    this.#story.push(`${count} records, up to ${this.#time}`)
  }

  async #start(version: number): Promise<void> {
    const release = this.#versions?.[version - 1]
    this.#seats.set(version, await this.#app.app.start(release === undefined ? {} : { release }))
  }

  /** kill -9; another worker begins at once, with an empty disk. */
  async #crash(version: number): Promise<void> {
    const seat = this.#seats.get(version)
    if (seat === undefined) return
    this.#story.push(`kill -9 of v${version}`)
    this.#app.app.kill(seat)
    await this.#start(version)
  }

  /** The live version's last stage fails from now on, while those before it go on; then somebody takes its place, or it is mended. */
  async #stuckBetweenStages(): Promise<void> {
    const live = (await this.#app.shared()).live ?? 1
    const seat = this.#seats.get(live)
    const release = this.#versions?.[live - 1]
    if (seat === undefined || release === undefined) return
    this.#story.push(`the last stage of v${live} fails`)
    this.#app.app.kill(seat)
    const goesUntil = 1 + Math.floor(this.#random() * 3)
    let commits = 0
    const probe = (task: string): void => {
      // Some of what came gets through.
      if (task === 'page.0' && ++commits > goesUntil) throw new Error('the last stage is broken')
      if (task === 'page.1') throw new Error('the last stage is broken')
    }
    this.#seats.set(live, await this.#app.app.start({ release, probe }))
    await this.#pass(2_500)
    await this.#send(4 + Math.floor(this.#random() * 6))
    await this.#pass(1_500)
    if (this.#random() < 0.7) await this.#switch(false, true)
    else await this.#crash(live)
    await this.#pass(3_000)
    if (this.#seats.get(live) !== undefined) await this.#crash(live)
  }

  /** To the version that is not live. Two commands at the same moment are two calls of this. */
  async #switch(twice: boolean, fenced = false): Promise<void> {
    const live = (await this.#app.shared()).live ?? 1
    const to = live === 1 ? 2 : 1
    await this.#command(`replay ${to}`, async (context) => await startReplay(context, to, {}, 1))
    for (let n = 0; n < (twice ? 2 : 1); n += 1) {
      const diesAt = this.#random() < 0.3 ? this.#pick(STEPS) : undefined
      const request: Pick<SwitchRequest, 'fence' | 'decide' | 'purpose'> = {
        fence: fenced || this.#random() < 0.3,
        ...(this.#random() < 0.2
          ? { decide: 'abandon', purpose: 'verify' }
          : { decide: 'flip', purpose: to === 1 ? 'rollback' : 'promote' }),
      }
      const words = `${request.purpose} ${to}${request.fence ? ' --fence' : ''}${diesAt === undefined ? '' : `, dies when ${diesAt}`}`
      const connection = this.#app.app.log.connect()
      // A command that dies never answers.
      void this.#launch(words, async (context) => {
        const onStep = (step: SwitchStep): void => {
          if (step === diesAt) connection.kill()
        }
        return await runSwitch(
          { ...context, log: connection },
          { ...request, to, pauseMsMax: 4_000, keepWarm: this.#random() < 0.5, onStep },
        )
      })
    }
  }

  #launch(words: string, run: (context: ReturnType<TwoVersions['context']>) => Promise<unknown>): Promise<unknown> {
    this.#story.push(words)
    return run(this.#app.context()).then(
      () => this.#story.push(`${words}: done`),
      (error: unknown) => this.#story.push(`${words}: ${error instanceof Fault ? error.code : String(error)}`),
    )
  }

  async #command(words: string, run: (context: ReturnType<TwoVersions['context']>) => Promise<unknown>): Promise<void> {
    await this.#app.app.during(this.#launch(words, run))
  }

  async #end(): Promise<void> {
    // Dead commands never answer; the live ones do.
    await this.#pass(15_000)
    await this.#app.app.until(
      async () => (await this.#app.app.during(Promise.resolve(this.#app.shared()))).open === undefined,
      'no switch is open',
    )
    this.#time += 60 * MINUTE
    for (const [index, page] of PAGES.entries()) {
      await this.#app.app.send('clicks', page, { page, at: this.#time }, { partition: index % PARTITIONS, timestamp: this.#time })
      this.#sent.push({ page, at: this.#time })
    }
    const live = (await this.#app.shared()).live ?? 1
    const tasks = this.#seats.get(live)?.worker.tasks
    await this.#app.app.until(
      () => tasks !== undefined && tasks.size > 0 && [...tasks.values()].every((task) => task.state === 'running'),
      `the live version ${live} runs`,
    )
    await this.#app.rest()
  }

  #faults(): string[] {
    return this.#app.app.tasks().flatMap((task) => (task.fault === undefined ? [] : [`${task.name}: ${task.fault.message}`]))
  }

  async #failures(): Promise<string[]> {
    const events = (await this.#app.app.readText('seen')).map(([key, value]) => `${key} ${JSON.stringify(value)}`)
    const results = (await this.#app.app.readText('finals')).map(([key, value]) => `${key} ${JSON.stringify(value)}`)
    const windows = new Map<string, number>()
    for (const { page, at } of this.#sent) {
      const name = `${page} ${Math.floor(at / MINUTE) * MINUTE}`
      windows.set(name, (windows.get(name) ?? 0) + 1)
    }
    const lastWindow = Math.floor(this.#time / MINUTE) * MINUTE
    const wanted = [...windows].flatMap(([name, count]) => {
      const [page, start] = name.split(' ')
      return Number(start) === lastWindow ? [] : [`${page} ${JSON.stringify({ start: Number(start), clicks: count })}`]
    })
    return [
      ...differences(
        'event',
        events,
        this.#sent.map(({ page, at }) => `${page} ${JSON.stringify({ at })}`),
      ),
      ...differences('final', results, wanted),
    ]
  }

  async #flips(): Promise<Pick<SwitchLife, 'flips' | 'owing'>> {
    const flips = [...(await this.#app.shared()).ended.values()].filter((one) => one.decision === 'flip')
    return { flips: flips.length, owing: flips.filter((one) => one.undrained.length > 0).length }
  }
}

function differences(what: string, found: readonly string[], wanted: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const one of wanted) counts.set(one, (counts.get(one) ?? 0) + 1)
  for (const one of found) counts.set(one, (counts.get(one) ?? 0) - 1)
  return [...counts].flatMap(([one, left]) => (left === 0 ? [] : [`${what} ${one}: ${left > 0 ? `${left} missing` : `${-left} too many`}`]))
}
