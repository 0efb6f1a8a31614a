import { describe, expect, it } from '@jest/globals'
import { priceAfterSilence, smoothedPrice, wantedPrice } from '../../../services/surge-pricing/pricing.ts'
import { cellOf } from '../../../services/surge-pricing/cells.ts'

describe('the price of a minute', () => {
  it.each([
    { demand: 0, drivers: 10, wanted: 1 },
    { demand: 10, drivers: 10, wanted: 1 },
    { demand: 15, drivers: 10, wanted: 1.25 },
    { demand: 30, drivers: 10, wanted: 2 },
    { demand: 50, drivers: 10, wanted: 3 },
    { demand: 500, drivers: 10, wanted: 3 },
    { demand: 0, drivers: 0, wanted: 1 },
    { demand: 3, drivers: 0, wanted: 2 },
  ])('wants $wanted for $demand requests and $drivers drivers', ({ demand, drivers, wanted }) => {
    expect(wantedPrice(demand, drivers)).toBe(wanted)
  })

  it('follows what is wanted by seven tenths, in hundredths', () => {
    expect(smoothedPrice(3, 1)).toBe(2.4)
    expect(smoothedPrice(1, 2.4)).toBe(1.42)
    expect(smoothedPrice(1.25, 1)).toBe(1.18)
  })

  it('goes back towards 1 in silence, and stays there', () => {
    expect(priceAfterSilence(3, 0)).toBe(3)
    expect(priceAfterSilence(3, 1)).toBe(1.6)
    expect(priceAfterSilence(3, 2)).toBe(1.18)
    expect(priceAfterSilence(3, 9)).toBe(1)
    expect(priceAfterSilence(3, 1e12)).toBe(1)
  })

  it('never leaves its limits', () => {
    for (let previous = 100; previous <= 300; previous += 1) {
      for (const wanted of [1, 1.005, 2, 2.995, 3]) {
        const price = smoothedPrice(wanted, previous / 100)
        expect(price).toBeGreaterThanOrEqual(1)
        expect(price).toBeLessThanOrEqual(3)
      }
    }
  })
})

describe('the grid', () => {
  it.each([
    { latitude: 52.5163, longitude: 13.3777, cell: '5251:1337' },
    { latitude: -0.001, longitude: 0, cell: '-1:0' },
    { latitude: -33.8568, longitude: 151.2153, cell: '-3386:15121' },
  ])('names the cell of $latitude, $longitude by its south-west corner', ({ cell, ...place }) => {
    expect(cellOf(place)).toBe(cell)
  })
})
