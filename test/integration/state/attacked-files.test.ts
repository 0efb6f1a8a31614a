/** Whatever happens to the files of a local store: it is rebuilt from the log, or an older whole store goes on; results never show it. */
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from '@jest/globals'
import { AttackedStore } from '../../support/attacked-store.ts'
import { seededRandom } from '../../support/ledger-orders.ts'
import { scaled } from '../../support/test-scale.ts'

const kinds = {
  SST: /\.sst$/u,
  MANIFEST: /^MANIFEST/u,
  'write-ahead log': /\.log$/u,
  CURRENT: /^CURRENT$/u,
  OPTIONS: /^OPTIONS/u,
  IDENTITY: /^IDENTITY$/u,
  LOCK: /^LOCK$/u,
} as const

type Random = () => number
type Harm = (file: string, random: Random) => void

const flip =
  (from: number, to: number, bytes: number): Harm =>
  (file, random) => {
    const content = readFileSync(file)
    for (let n = 0; n < bytes && content.length > 0; n += 1) {
      const at = Math.min(content.length - 1, Math.floor((from + (to - from) * random()) * content.length))
      content[at] = (content[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    }
    writeFileSync(file, content)
  }

const harms: Readonly<Record<string, Harm>> = {
  'one bit in the header': flip(0, 0.02, 1),
  'one bit in the middle': flip(0.02, 0.95, 1),
  'one bit in the tail': flip(0.95, 1, 1),
  'many bits': flip(0, 1, 100),
  'cut short': (file, random) => truncateSync(file, Math.floor(statSync(file).size * random())),
  'cut by some bytes': (file, random) => truncateSync(file, Math.max(0, statSync(file).size - 1 - Math.floor(random() * 20))),
  empty: (file) => truncateSync(file, 0),
  missing: (file) => rmSync(file),
}

const store = await AttackedStore.open()
const seed = Date.now() % 1_000_000
const random = seededRandom(seed)
/** For a look at what came of each: ATTACK_OUTCOMES=1. */
const outcomes: string[] = []
afterAll(async () => {
  if (process.env['ATTACK_OUTCOMES'] !== undefined) process.stderr.write(`${outcomes.join('\n')}\n`)
  await store.close()
})

function attack(pattern: RegExp, harm: Harm): string {
  const names = readdirSync(store.storeOf(0)).filter((name) => pattern.test(name))
  const name = names[Math.floor(random() * names.length)]
  if (name === undefined) return 'no such file'
  harm(join(store.storeOf(0), name), random)
  return `${name} of ${names.length}`
}

/** A worker takes the files as they are, processes what comes, and is killed. */
async function live(rounds: number): Promise<string> {
  const seat = await store.start()
  for (let round = 0; round < rounds; round += 1) {
    await store.round()
    await store.app.settle()
  }
  await store.kill(seat)
  return seat.notes.map(({ message }) => message).join('\n')
}

describe('files of a local store that are damaged while nobody has it open', () => {
  it('live without damage: nothing is wiped', async () => {
    await live(12)
    expect(await live(2)).not.toContain('wiped')
    expect(await store.difference()).toBeUndefined()
  }, 60_000)

  it.each(Object.entries(kinds))(
    '%s: flipped bits, cut, empty or missing, the results are those of the input alone, and the other task is not touched',
    async (kind, pattern) => {
      for (const [what, harm] of Object.entries(harms)) {
        for (let time = 0; time < scaled(1, 10); time += 1) {
          const victim = attack(pattern, harm)
          const said = await live(2)
          const note = { seed, kind, what, victim }
          expect({ ...note, difference: await store.difference() }).toEqual({ ...note, difference: undefined })
          expect({ ...note, other: /deeds\.1 is wiped/u.test(said) }).toEqual({ ...note, other: false })
          outcomes.push(`${kind}, ${what} (${victim}): ${/deeds\.0 is wiped.*?: (.*)/u.exec(said)?.[1] ?? 'goes on'}`)
          // Enough new writes that there are several write-ahead logs and tables for the next attack.
          if (/wiped/u.test(said)) await live(4)
        }
      }
    },
    600_000,
  )

  it('a write-ahead log that is missing between others is seen, although RocksDB would open without it', async () => {
    const logs = (): string[] =>
      readdirSync(store.storeOf(0)).filter((name) => name.endsWith('.log') && statSync(join(store.storeOf(0), name)).size > 0)
    // A log is as large as a write buffer: 1 MiB in a store of 6.
    for (let tries = 0; logs().length < 2 && tries < 30; tries += 1) await live(8)
    const [first] = logs().toSorted().slice(-2)
    rmSync(join(store.storeOf(0), first ?? 'none'))
    expect(await live(1)).toMatch(/deeds\.0 is wiped.*are missing before the write-ahead log/u)
    expect(await store.difference()).toBeUndefined()
  }, 60_000)

  it('all of the files of an older moment go on from there: only what is missing is read', async () => {
    const before = join(store.root, 'before')
    const copy = (from: string, to: string): void => {
      rmSync(to, { recursive: true, force: true })
      copyAll(from, to)
    }
    copy(store.storeOf(0), before)
    await live(5)
    copy(before, store.storeOf(0))
    expect(await live(1)).not.toContain('wiped')
    expect(await store.difference()).toBeUndefined()
  }, 60_000)
})

function copyAll(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name))
}
