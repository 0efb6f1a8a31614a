/**
 * kill -9 of the command, of a live worker and of a shadow worker at each step of a replay: giving the command again finishes it, and a
 * read_committed reader of the real topics sees each result once. In `make test` a few points, by the seed that is printed; all of them
 * in `make test-full`, or with REPLAY_KILLS=all or a part of a point's name.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { EngineWorker } from '../../support/engine-worker.ts'
import { eventually } from '../../support/eventually.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import type { TestKafka } from '../../support/kafka-for-tests.ts'
import { planReplayKills } from '../../support/replay-kill-plan.ts'
import type { ReplayKill } from '../../support/replay-kill-plan.ts'
import { ReplayRig } from '../../support/replay-rig.ts'
import { isFullRun } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
/** Every change has the same small choice, so that what breaks is its own; the full run has all of it, another seed by REPLAY_SEED. */
const seed = Number(process.env['REPLAY_SEED'] ?? 988_422)
const KILL_MS = 120_000
const BROKER_MS = 300_000
const plan = planReplayKills({ seed, wanted: process.env['REPLAY_KILLS'] ?? (isFullRun ? 'all' : '') })
process.stderr.write(`replay kills, seed ${seed}\n`)

async function killCommand(rig: ReplayRig, { action, point }: ReplayKill, version: number, words: readonly string[]): Promise<void> {
  const killed = await rig.command(action, version, { words, failPoint: point })
  expect({ point, signal: killed.signal, err: killed.signal === null ? killed.err : '' }).toEqual({ point, signal: 'SIGKILL', err: '' })
}

/** The worker of a version dies at the point while the command runs; another one takes its place. */
async function killWorker(rig: ReplayRig, { action, point, nth }: ReplayKill, victim: number, to: number): Promise<void> {
  const worker = await rig.restart(victim, { failPoint: `${point}:${nth}` })
  await rig.running(victim)
  const command = rig.command(action, to, { words: ['--max-lag=2000', '--max-pause=20s'] })
  const end = await Promise.race([worker.ended, command.then(() => undefined)])
  // A task follows when the command has seen enough, too.
  const died = end !== undefined || (await isDead(worker))
  if (!died) await worker.kill()
  rig.start(victim)
  const { err } = await command
  expect({ point, died, err: died ? '' : err }).toEqual({ point, died: true, err: '' })
}

const isDead = async (worker: EngineWorker): Promise<boolean> =>
  await eventually(() => expect(worker.running).toBe(false), 20_000, 100).then(
    () => true,
    () => false,
  )

for (const stages of [1, 2] as const) {
  const { switches, once } = plan[stages]
  if (switches.length + once.length === 0) continue
  describe(`kill -9 at a step of a replay, ${stages === 1 ? 'one stage' : 'two stages'}`, () => {
    let rig: ReplayRig
    beforeAll(async () => {
      rig = await ReplayRig.open({ brokers: kafka.brokers, stages, seed })
      rig.start(1)
      await rig.running(1)
      rig.feed.start()
      await rig.feed.more(500)
    }, KILL_MS)
    afterAll(async () => {
      await rig.close()
    }, KILL_MS)

    const done = (kill: ReplayKill, begun: number, text: string): void =>
      void process.stderr.write(
        `${stages} ${`${kill.who} ${kill.action} ${kill.point}`.padEnd(50)} ${((performance.now() - begun) / 1_000).toFixed(1)} s  ${text}\n`,
      )

    for (const kill of once.filter(({ action }) => action === 'start')) {
      it(
        `start, the command at ${kill.point}`,
        async () => {
          const begun = performance.now()
          const before = await rig.rig.log.admin.listTopics()
          if (kill.point === 'replay:registered') {
            const planned = await rig.command('plan', 2)
            expect(planned.code).toBe(0)
            // Others make topics of their own meanwhile.
            const mine = (topics: readonly string[]): string[] => topics.filter((topic) => topic.includes(rig.rig.name))
            expect(mine(await rig.rig.log.admin.listTopics())).toEqual(mine(before))
          }
          await killCommand(rig, kill, 2, ['--detach'])
          done(kill, begun, await rig.role(2))
        },
        KILL_MS,
      )
    }

    it(
      'start, given again, finishes; and the new version is killed while it runs',
      async () => {
        rig.start(2)
        await rig.shadow(2)
        await rig.worker(2).kill()
        rig.start(2)
        await rig.running(2)
        expect(await rig.role(2)).toBe('shadow')
      },
      KILL_MS,
    )

    for (const kill of once.filter(({ action }) => action === 'verify')) {
      it(
        `verify, the command at ${kill.point}`,
        async () => {
          rig.feed.start()
          const begun = performance.now()
          await killCommand(rig, kill, 2, ['--max-lag=2000', '--max-pause=15s'])
          const again = await rig.command('verify', 2, { words: ['--json', '--max-lag=2000', '--max-pause=15s'] })
          const { sinks } = JSON.parse(again.out) as { sinks: { topic: string; compared: number; equal: number }[] }
          const balances = sinks.find((sink) => sink.topic === rig.rig.topic('balances'))
          expect(balances?.compared).toBeGreaterThan(0)
          expect(balances?.equal).toBe(balances?.compared)
          await rig.switchEnds()
          await rig.feed.more(100)
          const compared = await rig.expectExact(kill.point)
          done(kill, begun, `${compared} results once, v${await rig.live()} is live`)
        },
        KILL_MS,
      )
    }

    for (const [index, kill] of switches.entries()) {
      it(
        `promote or roll back: ${kill.who} at ${kill.point}${kill.fence ? ', --fence' : ''}`,
        async () => {
          const begun = performance.now()
          rig.feed.start()
          await rig.feed.more(200)
          const live = await rig.live()
          const to = live === 1 ? 2 : 1
          const action = to === 2 ? 'promote' : 'rollback'
          await rig.shadow(to)
          const words = ['--max-lag=2000', '--max-pause=15s', ...(index % 2 === 0 ? ['--keep-warm'] : [])]
          if (kill.fence) {
            // What is between the stages only its own workers can finish.
            await rig.feed.stop()
            await rig.expectExact(`before ${kill.point}`)
            words.push('--fence')
          }
          if (kill.who === 'command') await killCommand(rig, { ...kill, action }, to, words)
          else await killWorker(rig, { ...kill, action }, kill.who === 'live' ? live : to, to)
          const decided = await rig.live()
          const tries = decided === to ? 0 : await rig.untilLive(action, to, kill.fence ? ['--fence'] : [])
          // Given once more, it changes nothing.
          if (kill.who === 'command') {
            const again = await rig.command(action, to, { words: ['--max-lag=2000'] })
            expect(again.err).toContain('MR2061')
            expect(await rig.live()).toBe(to)
          }
          rig.feed.start()
          await rig.feed.more(200)
          const compared = await rig.expectExact(`${kill.who} at ${kill.point}`)
          done(kill, begun, `given ${tries} times again, ${compared} results once, v${to} is live`)
        },
        KILL_MS,
      )
    }

    for (const kill of once.filter(({ action }) => action === 'drop')) {
      it(
        `drop, the command at ${kill.point}`,
        async () => {
          const begun = performance.now()
          const live = await rig.live()
          const old = live === 1 ? 2 : 1
          if ((await rig.role(old)) === 'shadow') expect((await rig.command('abandon', old)).code).toBe(0)
          await rig.worker(old).stop()
          // One that was killed before stays in the group for a session.
          await eventually(
            async () => expect((await rig.rig.log.admin.describeGroup(`${rig.rig.name}.v${old}`)).members).toBe(0),
            30_000,
            200,
          )
          await killCommand(rig, kill, old, [])
          const again = await rig.command('drop', old)
          // Forgotten already: nobody knows it.
          expect(again.code === 0 || again.err.startsWith('MR2069')).toBe(true)
          const left = (await rig.rig.log.admin.listTopics()).filter((topic) => topic.startsWith(`${rig.rig.name}.v${old}.`))
          expect(left).toEqual([])
          rig.feed.start()
          await rig.feed.more(200)
          const compared = await rig.expectExact(kill.point)
          done(kill, begun, `${compared} results once, v${live} is live`)
          // The next one needs something to drop.
          rig.start(old)
          await rig.shadow(old)
        },
        KILL_MS,
      )
    }
  })
}

/** A broker of its own takes its time to start: only in the full run, or with REPLAY_BROKER=1 (one step of a switch) or all. */
if (isFullRun || process.env['REPLAY_BROKER'] !== undefined) {
  describe('a broker that is killed with -9 and comes back', () => {
    let own: TestKafka
    let rig: ReplayRig
    beforeAll(async () => {
      own = await kafkaForTests({ own: true })
      rig = await ReplayRig.open({ brokers: own.brokers, stages: 2, seed, batch: 100 })
      rig.start(1)
      await rig.running(1)
      rig.feed.start()
      await rig.feed.more(6_000)
      await rig.feed.stop()
    }, BROKER_MS)
    afterAll(async () => {
      await rig.close()
      await own.stop()
    }, BROKER_MS)

    const away = async (): Promise<void> => {
      await own.kill(1)
      await own.restart(1)
    }

    it(
      'in the middle of a replay: it goes on',
      async () => {
        rig.start(2)
        expect((await rig.command('start', 2, { words: ['--detach', '--rate=400'] })).code).toBe(0)
        const group = `${rig.rig.name}.v2`
        const orders = [0, 1].map((partition) => ({ topic: rig.rig.topic('orders'), partition }))
        const done = async (): Promise<number> =>
          [...(await rig.rig.log.admin.committed(group, orders)).values()].reduce((sum, one) => sum + one.position, 0)
        await eventually(async () => expect(await done()).toBeGreaterThan(500), 60_000, 100)
        expect(await done()).toBeLessThan(5_000)
        await away()
        await rig.shadow(2)
        expect(await rig.role(2)).toBe('shadow')
      },
      BROKER_MS,
    )

    for (const step of isFullRun || process.env['REPLAY_BROKER'] === 'all'
      ? (['opened', 'live-halted', 'cut', 'new-halted', 'decided'] as const)
      : (['live-halted'] as const)) {
      it(
        `in a switch, when it is at ${step}: given again it is finished`,
        async () => {
          const to = (await rig.live()) === 1 ? 2 : 1
          await rig.shadow(to)
          let back: Promise<void> | undefined
          const when = { says: `${step}:`, act: () => void (back = away()) }
          await rig.command('promote', to, { words: ['--max-lag=2000', '--max-pause=20s'], when })
          await back
          expect(back).toBeDefined()
          await rig.switchEnds()
          if ((await rig.live()) !== to) await rig.untilLive('promote', to)
          rig.feed.start()
          await rig.feed.more(200)
          const compared = await rig.expectExact(`the broker at ${step}`)
          process.stderr.write(`2 broker switch ${step}: ${compared} results once, v${to} is live\n`)
        },
        BROKER_MS,
      )
    }
  })
}
