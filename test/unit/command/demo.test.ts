/** `millrace demo` in a hurry: the market day in a third of a second. */
import { describe, expect, it } from '@jest/globals'
import { runDemo } from '../../../libs/command/demo-run.ts'

describe('millrace demo', () => {
  it('equals plain loops over the same purchases, although a worker dies at noon', async () => {
    // given
    const story: string[] = []
    // when
    const result = await runDemo({ say: (line) => void story.push(line), dayMs: 300 })
    // then
    expect(result).toEqual({ windows: result.windows, purchases: 30_000, difference: undefined })
    // Eight stalls, five minutes of ten-second windows; the last ones stay open.
    expect(result.windows).toBeGreaterThan(8 * 25)
    expect(story[0]).toMatch(/30,000 purchases/)
    expect(story.filter((line) => line.includes('worker-1 is dead (as by kill -9)'))).toHaveLength(1)
    expect(story.filter((line) => line.includes('closes:')).length).toBeGreaterThan(3)
  }, 60_000)
})
