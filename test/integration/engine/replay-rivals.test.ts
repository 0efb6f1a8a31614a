/**
 * Switches in a crowd: the live version runs, is stuck, is dead; two commands at the same moment; a rollback at once. The switch always
 * ends, and a read_committed reader of the real topics sees each result once, from one version.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually } from '../../support/eventually.ts'
import type { EndedSwitch } from '../../../libs/runtime/switch/shared-state.ts'
import { kafkaForTests } from '../../support/kafka-for-tests.ts'
import { seededRandom } from '../../support/ledger-orders.ts'
import type { CommandEnd } from '../../support/millrace-command.ts'
import { ReplayRig } from '../../support/replay-rig.ts'
import { isFullRun } from '../../support/test-scale.ts'

const kafka = await kafkaForTests()
/** Every change has the same small choice, so that what breaks is its own; the full run has all of it, another seed by REPLAY_SEED. */
const seed = Number(process.env['REPLAY_SEED'] ?? 20_753)
const random = seededRandom(seed)
const TEST_MS = 180_000
const NEAR = '--max-lag=2000'
/** How far apart two commands are started, ms: as long as a switch takes. */
const APART_MS = 1_500
process.stderr.write(`replay rivals, seed ${seed}\n`)

/** How a live version gets stuck: at any moment, or in the transaction that halts it. */
const stuckAt = ['', 'halt:before-send', 'halt:after-send', 'halt:after-end-of-transaction'] as const
const rivals = ['abandon', 'promote', 'verify'] as const
/** When the other one gives up, as the promotion says its steps. */
const steps = ['opened', 'live-halted', 'cut', 'new-halted', 'decided'] as const

const drawn = <Item>(list: readonly Item[]): Item[] => list.slice(Math.floor(random() * list.length)).slice(0, 1)
const some = <Item>(list: readonly Item[]): readonly Item[] => (isFullRun ? list : drawn(list))
const stagesOfRun = some([1, 2] as const)
const stuckOfRun = some(stuckAt)
const rivalsOfRun = isFullRun ? Array.from({ length: 10 }, () => rivals).flat() : drawn(rivals)
const stepsOfRun = isFullRun ? Array.from({ length: 3 }, () => steps).flat() : drawn(steps)
/** Of three tests that are alike a small run has one. */
const lot = Math.floor(random() * 3)
const isDrawn = (number: number): boolean => isFullRun || lot === number

for (const stages of stagesOfRun) {
  describe(`a switch, ${stages === 1 ? 'one stage' : 'two stages'}, whatever else happens`, () => {
    let rig: ReplayRig
    beforeAll(async () => {
      rig = await ReplayRig.open({ brokers: kafka.brokers, stages, seed })
      rig.start(1)
      await rig.running(1)
      rig.feed.start()
      await rig.feed.more(500)
      rig.start(2)
      await rig.shadow(2)
    }, TEST_MS)
    afterAll(async () => await rig.close(), TEST_MS)

    /** The one that is live, and the other in shadow beside it, under load. */
    async function sides(): Promise<{ readonly live: number; readonly to: number }> {
      const live = await rig.live()
      const to = live === 1 ? 2 : 1
      rig.feed.start()
      await rig.shadow(to)
      return { live, to }
    }
    async function goesOnExactly(what: string): Promise<void> {
      rig.feed.start()
      await rig.feed.more(200)
      await rig.expectExact(what)
    }
    /** Only the workers of a live version of many stages can finish what is between them: here is nothing. */
    async function nothingOnTheWay(): Promise<void> {
      if (stages === 2) await rig.expectExact('before the live version is gone')
    }
    const promote = async (to: number, ...words: string[]): Promise<CommandEnd> =>
      await rig.command('promote', to, { words: [NEAR, '--max-pause=4s', ...words] })

    if (isDrawn(0))
      it.each(stuckOfRun.map((point) => [point]))(
        'the live version is stuck (%s): a promotion is abandoned, one with --fence is done, and what was stuck wakes up powerless',
        async (point) => {
          const { live, to } = await sides()
          if (point !== '') {
            await rig.restart(live, { failPoint: `${point}:1:stop` })
            await rig.running(live)
          }
          await nothingOnTheWay()
          if (point === '') rig.worker(live).signal('SIGSTOP')
          const refused = await promote(to)
          expect(refused.err).toContain('MR2064')
          expect((await rig.switchEnds()).live).toBe(live)
          rig.feed.start()
          await rig.feed.more(200)
          const done = await promote(to, '--fence')
          expect({ code: done.code, live: await rig.live(), err: done.code === 0 ? '' : done.err }).toEqual({ code: 0, live: to, err: '' })
          rig.worker(live).signal('SIGCONT')
          await eventually(
            async () => {
              const { tasks } = await rig.worker(live).status()
              expect(tasks.map(({ state }) => state)).toEqual(tasks.map(() => 'retired'))
              expect(tasks).toHaveLength(rig.tasks)
            },
            60_000,
            200,
          )
          await goesOnExactly(`stuck ${point}`)
        },
        TEST_MS,
      )

    if (isDrawn(1))
      it(
        'the live version is dead: one with --fence is done, and its worker comes back idle',
        async () => {
          const { live, to } = await sides()
          await nothingOnTheWay()
          await rig.worker(live).kill()
          rig.feed.start()
          await rig.feed.more(200)
          const done = await promote(to, '--fence')
          expect({ code: done.code, live: await rig.live(), err: done.code === 0 ? '' : done.err }).toEqual({ code: 0, live: to, err: '' })
          await rig.start(live).untilSaid(`v${live} is retired and does nothing`)
          await goesOnExactly('dead')
        },
        TEST_MS,
      )

    if (isDrawn(2))
      it(
        'the live version runs, and its place is taken all the same: done, or refused while records are between its stages',
        async () => {
          const { live, to } = await sides()
          const first = await promote(to, '--fence')
          await rig.switchEnds()
          if (first.code === 0) expect(await rig.live()).toBe(to)
          else {
            expect(first.err).toMatch(/MR2064|MR2068/)
            expect(await rig.live()).toBe(live)
          }
          await goesOnExactly('running, --fence')
        },
        TEST_MS,
      )

    it(
      'a promotion, and a rollback at once',
      async () => {
        if ((await rig.live()) === 2) {
          await sides()
          await rig.untilLive('promote', 1)
        }
        const { live, to } = await sides()
        expect((await promote(to)).code).toBe(0)
        const back = await rig.command('rollback', to, { words: [NEAR] })
        expect({ code: back.code, live: await rig.live(), err: back.code === 0 ? '' : back.err }).toEqual({ code: 0, live, err: '' })
        await goesOnExactly('rolled back at once')
      },
      TEST_MS,
    )

    it.each(stepsOfRun.map((step, round) => [step, round + 1] as const))(
      'promote, and abandon when it is at %s (%d): the first decision counts, for everybody',
      async (step) => {
        const { live, to } = await sides()
        let abandoned: Promise<EndedSwitch | undefined> = Promise.resolve(undefined)
        const when = { says: `${step}:`, act: () => void (abandoned = rig.abandonNow()) }
        const first = await rig.command('promote', to, { words: [NEAR, '--max-pause=4s'], when })
        const second = await abandoned
        const state = await rig.switchEnds(20_000)
        const said = `promote ${first.code}, abandoned at ${step}: ${second?.decision ?? 'nothing was open'}, v${state.live} is live`
        process.stderr.write(`${said}\n`)
        expect({ said, live: state.live }).toEqual({ said, live: first.code === 0 ? to : live })
        if (second !== undefined)
          expect({ said, decision: second.decision }).toEqual({ said, decision: first.code === 0 ? 'flip' : 'abandon' })
        await goesOnExactly(said)
      },
      TEST_MS,
    )

    it.each(rivalsOfRun.map((rival, round) => [rival, round + 1] as const))(
      'promote and %s at the same moment (%d)',
      async (rival) => {
        const { live, to } = await sides()
        const later = async (command: () => Promise<CommandEnd>): Promise<CommandEnd> => {
          await new Promise((resolve) => setTimeout(resolve, random() * APART_MS))
          return await command()
        }
        const [first, second] = await Promise.all([
          later(async () => await promote(to)),
          later(async () => await rig.command(rival, to, { words: rival === 'abandon' ? [] : [NEAR, '--max-pause=4s'] })),
        ])
        const state = await rig.switchEnds(20_000)
        const said = `promote ${first.code}, ${rival} ${second.code}, v${state.live} is live, v${to} ${state.versions.get(to)?.role}`
        process.stderr.write(`${said}\n`)
        expect([live, to]).toContain(state.live)
        // Whoever was told that it is done was told the truth.
        if (first.code === 0 || (rival === 'promote' && second.code === 0)) expect({ said, live: state.live }).toEqual({ said, live: to })
        if (rival === 'abandon' && second.code === 0) expect({ said, live: state.live }).toEqual({ said, live })
        await goesOnExactly(said)
      },
      TEST_MS,
    )
  })
}
