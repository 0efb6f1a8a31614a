import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../../deploy/local-kafka/kafka-jars.ts'

/** `MALLOC_X=1`, `MALLOC_X: '1'`: whatever the language, name and number, in the order of the names. */
function glibcSettings(...path: readonly string[]): string[] {
  const text = readFileSync(join(repositoryRoot, ...path), 'utf8')
  return [...text.matchAll(/(MALLOC_\w+)(?:=|: ')(\d+)/g)].map(([, name, value]) => `${name}=${value}`).toSorted()
}

describe('how glibc gives memory back', () => {
  it('is the same for the launcher, in the image, in the guide and in the benchmark', () => {
    const launcher = glibcSettings('libs', 'command', 'millrace.mjs')
    expect(launcher).toHaveLength(3)
    expect(glibcSettings('deploy', 'Dockerfile')).toEqual(launcher)
    expect(glibcSettings('deploy', 'guide', 'operations.md')).toEqual(launcher)
    expect(glibcSettings('test', 'benchmark', 'kappa', 'contenders.ts')).toEqual(launcher)
  })
})
