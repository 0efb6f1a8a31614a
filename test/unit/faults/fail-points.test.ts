/** Fail-points: off unless armed, and armed only by a name that exists. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { armFailPoint, failPoints } from '../../../libs/faults/fail-points.ts'
import { repositoryRoot } from '../../support/engine-worker.ts'

/** What a process of its own prints before it ends, and how it ends. */
function run(armedWith: string | undefined, script: string): { readonly out: string; readonly signal: string | null } {
  const code = `import { armFailPoint, failPoint, failPointSoon } from './libs/faults/fail-points.ts'\narmFailPoint(process.env.FAIL_POINT)\n${script}`
  const program = join(repositoryRoot, 'node_modules/.bin/node')
  const environment = { ...process.env, NODE_OPTIONS: '', ...(armedWith === undefined ? {} : { FAIL_POINT: armedWith }) }
  try {
    const out = execFileSync(program, ['--input-type=module', '-e', code], { cwd: repositoryRoot, env: environment, stdio: 'pipe' })
    return { out: String(out), signal: null }
  } catch (error) {
    const { stdout, signal } = error as { stdout: Buffer; signal: string | null } // Of execFileSync.
    return { out: String(stdout), signal }
  }
}

const PRINTS = "const say = (text) => process.stdout.write(text + ' ')\n"

describe('fail-points', () => {
  it('do nothing when none is armed', () => {
    expect(run(undefined, `${PRINTS}failPoint('wiping'); failPointSoon('end-sent'); say('alive')`)).toEqual({ out: 'alive ', signal: null })
  })

  it('end the process by SIGKILL when the armed one is reached for the nth time, and no other', () => {
    const script = `${PRINTS}failPoint('restoring'); failPoint('wiping'); say('once'); failPoint('wiping'); say('twice')`
    expect(run('wiping:2', script)).toEqual({ out: 'once ', signal: 'SIGKILL' })
    expect(run('wiping', script)).toEqual({ out: '', signal: 'SIGKILL' })
  })

  it('end it a moment later where something is on its way', () => {
    const script = `${PRINTS}failPointSoon('end-sent'); say('sent'); setTimeout(() => say('late'), 1000)`
    expect(run('end-sent', script)).toEqual({ out: 'sent ', signal: 'SIGKILL' })
  })

  it.each(['wipe', 'wiping:0', 'wiping:x', ':1'])('are refused when nothing of that name can be meant: %s', (text) => {
    expect(() => armFailPoint(text)).toThrow(/names no fail-point/)
    armFailPoint(undefined)
  })

  it('cover all sixteen of the reliability tests', () => {
    const numbers = Object.values(failPoints).flatMap((meaning) => /^F(\d+):/.exec(meaning)?.[1] ?? [])
    expect([...new Set(numbers.map(Number))].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1))
  })
})
