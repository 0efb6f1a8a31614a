import { beforeEach, describe, expect, it } from '@jest/globals'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeDirectory } from '../../../libs/command/make-directory.ts'
import { takeSeat } from '../../../libs/command/state-seat.ts'

let base: string
beforeEach(() => {
  base = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'app.v1')
})

const sitter = (change: object): void => {
  const seat = takeSeat(base)
  const file = `${seat.directory}.pid`
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }))
}

/** No process has this number: it is above the largest that Linux gives. */
const DEAD_PID = 2 ** 22 + 1

describe('a seat for local stores', () => {
  it('is the lowest that is free, one for each worker', () => {
    const seats = [takeSeat(base), takeSeat(base), takeSeat(base)]
    expect(seats.map((seat) => seat.directory)).toEqual([0, 1, 2].map((number) => join(base, `worker-${number}`)))
    seats[1]?.free()
    expect(takeSeat(base).directory).toBe(join(base, 'worker-1'))
  })

  it.each([
    ['a process that has died (kill -9)', { pid: DEAD_PID }],
    ['another boot of the machine', { boot: 'before' }],
    ['another host: the volume has moved', { host: `not-${hostname()}` }],
    ['an earlier process with our number, as in a container', { token: '1-2' }],
  ])('of %s is taken over, with its stores', (_who, change) => {
    sitter(change)
    expect(takeSeat(base).directory).toBe(join(base, 'worker-0'))
  })

  it('of a process that lives is left alone', () => {
    sitter({ pid: process.ppid })
    expect(takeSeat(base).directory).toBe(join(base, 'worker-1'))
  })

  it('with a file that is half written is taken over', () => {
    sitter({})
    writeFileSync(join(base, 'worker-0.pid'), '{"host":')
    expect(takeSeat(base).directory).toBe(join(base, 'worker-0'))
  })

  it('cannot be had below a file: MR2051 with what to do', () => {
    writeFileSync(join(base, '..', 'file'), '')
    expect(() => takeSeat(join(base, '..', 'file', 'x'))).toThrow(/is no directory.*Set stateDirectory/)
  })
})

describe('making a directory', () => {
  it('makes its parents for the owner only, and answers the first that was made', () => {
    expect(makeDirectory(join(base, 'a', 'b'))).toBe(base)
    expect(existsSync(join(base, 'a', 'b'))).toBe(true)
    expect(makeDirectory(join(base, 'a', 'b'))).toBeUndefined()
  })

  it('fails at once where a parent cannot be made', () => {
    expect(() => makeDirectory(process.platform === 'linux' ? '/proc/millrace/x' : '/dev/null/x')).toThrow()
  })
})
