/** `npm ci` works on every platform: the lock names each optional platform package, also those that our registry does not serve. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { z } from 'zod'
import { missingFromLock } from '../../../deploy/scripts/complete-lock.ts'
import { repositoryRoot } from '../../support/architecture/source-file.ts'

const Lock = z.object({ packages: z.record(z.string(), z.looseObject({})) })
const Manifest = z.object({ dependencies: z.record(z.string(), z.string()), devDependencies: z.record(z.string(), z.string()) })

const read = (path: string): unknown => JSON.parse(readFileSync(join(repositoryRoot, path), 'utf8'))

describe('package-lock.json', () => {
  it('is complete (make lock)', () => {
    expect(missingFromLock(Lock.parse(read('package-lock.json')).packages)).toEqual([])
  })

  it('is completed with version, platform and C library of what is missing', () => {
    const packages = {
      'node_modules/@swc/core': {
        dev: true,
        optionalDependencies: {
          '@swc/core-linux-arm64-musl': '1.2.3',
          '@swc/core-darwin-x64': '1.2.3',
          '@swc/core-linux-x64-gnu': '1.2.3',
        },
      },
      'node_modules/@swc/core-linux-x64-gnu': { version: '1.2.3' },
    }

    expect(missingFromLock(packages)).toEqual([
      {
        path: 'node_modules/@swc/core-linux-arm64-musl',
        entry: { version: '1.2.3', dev: true, optional: true, os: ['linux'], cpu: ['arm64'], libc: ['musl'] },
      },
      { path: 'node_modules/@swc/core-darwin-x64', entry: { version: '1.2.3', dev: true, optional: true, os: ['darwin'], cpu: ['x64'] } },
    ])
  })

  it('does not guess the platform of a package whose name does not tell it', () => {
    expect(() => missingFromLock({ 'node_modules/a': { optionalDependencies: { b: '1.0.0' } } })).toThrow('by hand')
  })

  it('goes with versions that are pinned exactly', () => {
    const { dependencies, devDependencies } = Manifest.parse(read('package.json'))

    for (const version of Object.values({ ...dependencies, ...devDependencies })) expect(version).toMatch(/^\d+\.\d+\.\d+$/u)
  })
})
