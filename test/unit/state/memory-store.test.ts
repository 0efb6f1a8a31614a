import { describe, expect, it } from '@jest/globals'
import { memoryHome } from '../../../libs/state/memory-store.ts'
import { storeConformance } from '../../support/store-conformance.ts'

storeConformance('memory', async () => {
  const home = memoryHome()
  return {
    home,
    restart: async () => {
      home.crash()
      return home
    },
    close: () => home.close(),
  }
})

describe('the memory home', () => {
  const write = [{ key: Buffer.from('k'), value: Buffer.from('v') }]

  it('fails the write that a test has chosen, before or after it is done', async () => {
    const home = memoryHome({ faultAt: (task, n) => (task !== 't' ? undefined : n === 1 ? 'before' : n === 2 ? 'after' : undefined) })
    const store = await home.open('t')
    await expect(store.write(write)).rejects.toMatchObject({ code: 'MR4005', action: 'acquire-again' })
    expect(store.get(Buffer.from('k'))).toBeUndefined()
    await expect(store.write(write)).rejects.toMatchObject({ code: 'MR4005' })
    expect(store.get(Buffer.from('k'))).toEqual(Buffer.from('v'))
    await store.write(write)
    await (await home.open('other')).write(write)
  })

  it('after a crash the stores of the dead process can no longer be used', async () => {
    const home = memoryHome()
    const store = await home.open('t')
    home.crash()
    expect(() => store.get(Buffer.from('k'))).toThrow(/is open when it is used/u)
    await expect(store.write(write)).rejects.toThrow()
  })

  it('a damaged store is refused until it was wiped', async () => {
    const home = memoryHome()
    await (await home.open('t')).close()
    home.damage('t')
    await expect(home.open('t')).rejects.toMatchObject({ code: 'MR4003', action: 'acquire-again' })
    await home.wipe('t')
    await (await home.open('t')).close()
  })
})
