import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { after, cellPrefix, localKey, mapPrefix, splitMapEntry, stepRange, timeBytes, timeOf } from '../../../libs/state/key-layout.ts'
import { TimeHeap } from '../../../libs/state/time-heap.ts'
import { directoryOf, isWiped, taskOf } from '../../../libs/state/task-directory.ts'

const latin1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

describe('the layout of keys', () => {
  it('times keep their order as bytes, negative ones too, and come back', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        expect(Math.sign(a - b)).toBe(timeBytes(a) < timeBytes(b) ? -1 : timeBytes(a) > timeBytes(b) ? 1 : 0)
        expect(timeOf(Buffer.from(`xx${timeBytes(a)}`, 'latin1'), 2)).toBe(a)
      }),
    )
    expect(() => timeBytes(1.5)).toThrow(RangeError)
    expect(() => timeBytes(Infinity)).toThrow(RangeError)
  })

  it('key and name of a map entry come back, and no key is taken for a part of another', () => {
    fc.assert(
      fc.property(latin1, latin1, latin1, (key, name, other) => {
        expect(splitMapEntry(mapPrefix(key) + name)).toEqual({ key, name })
        expect(mapPrefix(other).startsWith(mapPrefix(key))).toBe(key === other)
      }),
    )
    expect(splitMapEntry(`${mapPrefix('k'.repeat(20_000))}n`)).toEqual({ key: 'k'.repeat(20_000), name: 'n' })
  })

  it('the end of a prefix is above all that begins with it and not above anything else', () => {
    expect(after(Buffer.from([1, 2]))).toEqual(Buffer.from([1, 3]))
    expect(after(Buffer.from([1, 0xff, 0xff]))).toEqual(Buffer.from([2]))
    expect(() => after(Buffer.from([0xff]))).toThrow(RangeError)
  })

  it('all keys of a step are in its range', () => {
    const { from, to } = stepRange(255)
    const key = localKey(cellPrefix(255, '\u{10ffff}'), '\xff'.repeat(10))
    expect(Buffer.compare(from, key)).toBe(-1)
    expect(Buffer.compare(key, to)).toBe(-1)
    expect(Buffer.compare(cellPrefix(256, ''), to)).toBe(1)
    expect(() => cellPrefix(0, 'a')).toThrow(RangeError)
    expect(() => cellPrefix(1, 'n'.repeat(256))).toThrow(RangeError)
  })
})

describe('the heap of times', () => {
  it('gives times in order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 })), (times) => {
        const heap = new TimeHeap()
        for (const time of times) heap.push(time)
        const taken: number[] = []
        for (; heap.earliest !== Infinity; heap.pop()) taken.push(heap.earliest)
        expect(taken).toEqual(times.toSorted((a, b) => a - b))
      }),
    )
  })
})

describe('the directory of a task', () => {
  it('is a safe file name of its own for every task', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }).filter((task) => task.isWellFormed()),
        (task) => {
          const directory = directoryOf(task)
          expect(directory).toMatch(/^[A-Za-z0-9_%~-][A-Za-z0-9._%~-]*$/u)
          expect(directory.length).toBeLessThanOrEqual(240)
          expect(isWiped(directory)).toBe(false)
          if (!directory.includes('%~')) expect(taskOf(directory)).toBe(task)
        },
      ),
    )
  })

  it.each([
    ['cell.0', 'cell.0'],
    ['..', '%2E.'],
    ['../x', '%2E.%2Fx'],
    ['x.wiped-1', 'x%2Ewiped-1'],
    ['a b.1', 'a%20b.1'],
  ])('of %p is %p', (task, directory) => {
    expect(directoryOf(task)).toBe(directory)
    expect(taskOf(directory)).toBe(task)
  })

  it.each(['cell.0.wiped-1', 'lost+found', '%zz', '%41', '.try-abc'])('%p is none', (directory) => {
    expect(taskOf(directory)).toBeUndefined()
  })
})
