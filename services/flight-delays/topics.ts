/**
 * The contract of flight delays. The input is real: 20,000 flights inside the United States in the first three months of
 * 2001, `flights-20k.json` of the npm package vega-datasets (from the on-time statistics of the US Bureau of Transportation
 * Statistics, public domain), loaded in order of departure.
 */
import { json, none, text, topic } from 'millrace'
import { z } from 'zod'

/** IATA code of three letters. */
const Airport = z.string().regex(/^[A-Z]{3}$/)

/** As the file has it: no zone is given, so times are taken as UTC; `delay` in minutes, negative when early; `distance` in miles. */
export const Flight = z.object({
  date: z.string().regex(/^\d{4}\/\d{2}\/\d{2} \d{2}:\d{2}$/),
  delay: z.int(),
  distance: z.int().nonnegative(),
  origin: Airport,
  destination: Airport,
})
export type Flight = z.infer<typeof Flight>

/** The departures of one airport on the day [from, to), epoch milliseconds at midnight UTC. Keyed by airport. */
export const AirportDay = z.object({
  airport: Airport,
  from: z.int(),
  to: z.int(),
  flights: z.int().positive(),
  /** Minutes; early departures count as negative delays. */
  delayMean: z.number(),
  delayMax: z.int(),
  /** Share of flights that were more than 15 minutes late, the industry's line between late and on time. */
  lateShare: z.number().min(0).max(1),
  /** Sum of all delays, minutes: with it days can be added up exactly. */
  delaySum: z.int(),
})
export type AirportDay = z.infer<typeof AirportDay>

/** The ten airports with the longest mean delay since the first day, as known at the end of the day before `until`. Keyed `all`. */
export const DelayRanking = z.object({
  until: z.int(),
  airports: z.array(z.object({ airport: Airport, flights: z.int(), delayMean: z.number() })).max(10),
})
export type DelayRanking = z.infer<typeof DelayRanking>

export const flights = topic('flights', { key: none, value: json(Flight) })
export const airportDays = topic('airport-days', { key: text, value: json(AirportDay) })
export const delayRanking = topic('delay-ranking', { key: text, value: json(DelayRanking) })
