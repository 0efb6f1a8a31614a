/** The rules of style.md that a program can check, held over the whole repository; and each rule seen to fail on a planted sample. */
import { describe, expect, it } from '@jest/globals'
import { layerRules } from '../../support/architecture/layers.ts'
import { purityRules } from '../../support/architecture/purity.ts'
import { shapeRules } from '../../support/architecture/shape.ts'
import { repositoryFiles } from '../../support/architecture/source-file.ts'

const files = repositoryFiles()

describe('the repository', () => {
  it('has files to check in every part', () => {
    for (const part of ['libs/', 'services/', 'test/', 'deploy/'])
      expect(files.filter((file) => file.path.startsWith(part)).length).toBeGreaterThan(0)
  })

  it.each([...layerRules, ...purityRules, ...shapeRules])('holds: $name', (rule) => {
    expect(files.flatMap((file) => rule.check(file))).toEqual([])
  })
})
