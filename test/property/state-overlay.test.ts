import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { MapCell, TimedCell, ValueCell } from '../../libs/dataflow/cells.ts'
import { userChangelogRecord } from '../../libs/state/changelog.ts'
import { STEP_BYTES } from '../../libs/state/key-layout.ts'
import { memoryHome } from '../../libs/state/memory-store.ts'
import { TaskState } from '../../libs/state/task-state.ts'
import type { FrozenLayer } from '../../libs/state/task-state.ts'
import { readChangelogRecord, restore } from '../support/changelog-records.ts'
import { SlowStore } from '../support/slow-store.ts'
import { json, markAt } from '../support/state-samples.ts'

/** A plain model of one task's state: what is in view, and what is committed. Keys name their cell. */
type Plain = Map<string, number>

interface Cells {
  readonly value: ValueCell<{ v: number }>
  readonly map: MapCell<{ v: number }>
  readonly timed: TimedCell<{ v: number }>
}

type Operation =
  | {
      readonly op: 'value' | 'map' | 'timed'
      readonly act: 'get' | 'set' | 'delete' | 'prefetch' | 'read-ahead'
      readonly key: string
      readonly sub: number
    }
  | { readonly op: 'entries'; readonly key: string }
  | { readonly op: 'take' | 'earliest'; readonly upTo: number }
  | { readonly op: 'read' | 'answer-read' | 'commit' | 'freeze' | 'apply' | 'apply-early' | 'answer-write' | 'discard' | 'reopen' }

// Mostly the same few keys: what can go wrong needs several operations to meet on one.
const key = fc.constantFrom('a', 'a', 'a', 'a', 'ab', '', '\xff')
const sub = fc.constantFrom(0, 0, 0, 1, -1)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      op: fc.constantFrom('value' as const, 'map' as const, 'timed' as const),
      act: fc.constantFrom('get' as const, 'set' as const, 'set' as const, 'delete' as const, 'prefetch' as const, 'read-ahead' as const),
      key,
      sub,
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('entries' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constantFrom('take' as const, 'earliest' as const), upTo: fc.constantFrom(-3, -1, 0, 1, 3, Infinity) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constantFrom(
        'read' as const,
        'answer-read' as const,
        'commit' as const,
        'commit' as const,
        'freeze' as const,
        'freeze' as const,
        'apply' as const,
        'apply-early' as const,
        'answer-write' as const,
        'answer-write' as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('discard' as const, 'discard' as const, 'reopen' as const) }) },
)

const nameOf = (sub: number): string => `name${sub + 2}`
const valueId = (k: string): string => `value/${k}`
const mapId = (k: string, name: string): string => `map/${k}/${name}`
const timedId = (time: number, k: string): string => `timed/${time}/${k}`

class Run {
  readonly home = memoryHome()
  readonly options: { readonly cacheBytesMax: number; readonly freezeValues: boolean }
  readonly changelog: { readonly layer: FrozenLayer }[] = []
  store: SlowStore
  state: TaskState
  cells: Cells
  view: Plain = new Map()
  committed: Plain = new Map()
  frozen: { readonly layer: FrozenLayer; readonly plain: Plain } | undefined
  applying: Promise<void> | undefined
  n = 0
  next = 0

  private constructor(options: Run['options'], store: SlowStore) {
    this.options = options
    this.store = store
    this.state = TaskState.open(store, ['totals', 'other'], options)
    this.cells = this.open()
  }

  static async start(options: Run['options']): Promise<Run> {
    const home = memoryHome()
    const run = new Run(options, new SlowStore(await home.open('t')))
    return run
  }

  open(): Cells {
    const cells = this.state.cells('totals')
    return {
      value: cells.value('v', json<{ v: number }>()),
      map: cells.map('m', json<{ v: number }>()),
      timed: cells.timed('t', json<{ v: number }>()),
    }
  }

  async do(operation: Operation): Promise<void> {
    switch (operation.op) {
      case 'value':
      case 'map':
      case 'timed':
        return this.touch(operation)
      case 'entries': {
        const expected = [...this.view]
          .filter(([id]) => id.startsWith(`map/${operation.key}/`))
          .map(([id, v]) => [id.slice(`map/${operation.key}/`.length), { v }])
          .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
        return expect(this.cells.map.entries(operation.key)).toEqual(expected)
      }
      case 'earliest':
        return this.earliest()
      case 'take':
        return this.take(operation.upTo)
      case 'read':
        void this.state.prefetchPending()
        return
      case 'answer-read':
        this.store.answerRead()
        return await settled()
      case 'freeze':
        return this.freeze()
      case 'commit':
        await this.finishWrite()
        if (this.frozen === undefined) this.freeze()
        this.apply(false)
        return await this.finishWrite()
      case 'apply':
      case 'apply-early':
        return this.apply(operation.op === 'apply-early')
      case 'answer-write':
        this.store.answerWrite()
        return await settled()
      case 'discard':
        return this.discard()
      case 'reopen':
        return await this.reopen()
    }
  }

  touch({ op, act, key, sub }: Extract<Operation, { act: string }>): void {
    const { value, map, timed } = this.cells
    const name = nameOf(sub)
    const id = op === 'value' ? valueId(key) : op === 'map' ? mapId(key, name) : timedId(sub, key)
    const v = { v: this.next++ }
    if (act === 'set') this.view.set(id, v.v)
    if (act === 'delete') this.view.delete(id)
    const read = (): unknown => (op === 'value' ? value.get(key) : op === 'map' ? map.get(key, name) : timed.get(sub, key))
    if (act === 'set') {
      if (op === 'value') value.set(key, v)
      else if (op === 'map') map.set(key, name, v)
      else timed.set(sub, key, v)
      expect(read()).toBe(v)
    } else if (act === 'delete') {
      if (op === 'value') value.delete(key)
      else if (op === 'map') map.delete(key, name)
      else timed.delete(sub, key)
      expect(read()).toBeUndefined()
    } else if (act === 'prefetch' || act === 'read-ahead') {
      if (op === 'value') value.prefetch(key)
      else if (op === 'map') map.prefetch(key, name)
      else timed.prefetch(sub, key)
      if (act === 'read-ahead') void this.state.prefetchPending()
    } else {
      const expected = this.view.get(id)
      expect(read()).toEqual(expected === undefined ? undefined : { v: expected })
    }
  }

  timesInView(): number[] {
    return [...this.view.keys()].filter((id) => id.startsWith('timed/')).map((id) => Number(id.split('/')[1]))
  }

  earliest(): void {
    expect(this.cells.timed.earliest()).toBeLessThanOrEqual(Math.min(Infinity, ...this.timesInView()))
  }

  take(upTo: number): void {
    const time = Math.min(Infinity, ...this.timesInView())
    const expected: { time: number; key: string; value: { v: number } }[] = []
    if (time <= upTo && time !== Infinity) {
      for (const [id, v] of this.view) {
        const prefix = `timed/${time}/`
        if (id.startsWith(prefix)) expected.push({ time, key: id.slice(prefix.length), value: { v } })
      }
      for (const { key } of expected) this.view.delete(timedId(time, key))
    }
    expect(this.cells.timed.take(upTo)).toEqual(expected.sort((a, b) => (a.key < b.key ? -1 : 1)))
    this.earliest()
  }

  freeze(): void {
    if (this.frozen !== undefined) {
      expect(() => this.state.freeze()).toThrow(/commit n\+1/u)
      return
    }
    this.frozen = { layer: this.state.freeze(), plain: new Map(this.view) }
    expect(this.state.dirty).toBe(false)
  }

  apply(early: boolean): void {
    const { frozen } = this
    if (frozen === undefined || this.applying !== undefined) return
    this.store.writesEarly = early
    this.n += 1
    this.applying = this.state.apply(frozen.layer, markAt(this.n)).then(() => {
      this.committed = frozen.plain
      this.changelog.push({ layer: frozen.layer })
      this.frozen = undefined
      this.applying = undefined
    })
  }

  /** The transaction failed: only before it is applied. */
  discard(): void {
    if (this.applying !== undefined) return
    this.state.discard()
    this.frozen = undefined
    this.view = new Map(this.committed)
  }

  async reopen(): Promise<void> {
    await this.finishWrite()
    this.state = TaskState.open(this.store, ['totals', 'other'], this.options)
    this.cells = this.open()
    this.frozen = undefined
    this.view = new Map(this.committed)
    expect(this.state.mark?.n ?? 0).toBe(this.n)
  }

  async finishWrite(): Promise<void> {
    this.store.answerWrite()
    await this.applying
  }

  /** Everything that is in view can be read, and the changelog alone makes the same store. */
  async finish(): Promise<void> {
    await this.finishWrite()
    for (const [id, v] of this.view) {
      const [kind, first = '', second = ''] = id.split('/')
      const { value, map, timed } = this.cells
      const found = kind === 'value' ? value.get(first) : kind === 'map' ? map.get(first, second) : timed.get(Number(first), second)
      expect(found).toEqual({ v })
    }
    for (const layer of [this.frozen?.layer, undefined]) {
      const last = layer ?? this.state.freeze()
      this.n += 1
      this.store.slow = false
      await this.state.apply(last, markAt(this.n))
      this.changelog.push({ layer: last })
    }
    await this.restoreElsewhere()
  }

  async restoreElsewhere(): Promise<void> {
    const compacted = new Map<string, Uint8Array | null>()
    for (const { layer } of this.changelog) {
      for (const change of layer.changes.get('totals') ?? []) {
        const { key, value } = userChangelogRecord(change, 1, 0)
        compacted.set(Buffer.from(key).toString('hex'), value)
      }
    }
    const store = await memoryHome().open('elsewhere')
    const restored = TaskState.open(store, ['other', 'totals'], this.options)
    const records = [...compacted].map(([hex, value]) =>
      readChangelogRecord({ key: Buffer.from(hex, 'hex'), value, headers: [['e', Buffer.from([1])]] }),
    )
    await restore(restored, 'totals', records, markAt(this.n))
    // The other store numbers its steps otherwise.
    expect(entriesOf(store, 2)).toEqual(entriesOf(this.store, 1))
    expect(entriesOf(store, 2)).toHaveLength(this.view.size)
  }
}

function entriesOf(store: { scan: SlowStore['scan'] }, stepNumber: number): [string, string][] {
  return store
    .scan({ from: Buffer.from([0, stepNumber]), to: Buffer.from([0, stepNumber + 1]), limit: Infinity })
    .map(([k, v]) => [Buffer.from(k.subarray(STEP_BYTES)).toString('hex'), Buffer.from(v).toString()])
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
}

describe('state over any sequence of reads, writes, commits and failures', () => {
  it('answers as a plain map would, and its changelog restores it byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 20, maxLength: 150 }),
        fc.constantFrom(0, 0, 600, 1_000_000),
        fc.boolean(),
        async (operations, cacheBytesMax, freezeValues) => {
          const run = await Run.start({ cacheBytesMax, freezeValues })
          for (const one of operations) await run.do(one)
          await run.finish()
        },
      ),
      { numRuns: 600 },
    )
  }, 60_000)
})
