/**
 * The contract of surge pricing: what the city sends and what it gets back. Shared with tests and with other services;
 * nothing here knows how prices are made.
 */
import { json, text, topic } from 'millrace'
import { z } from 'zod'

/** A place on earth, degrees (WGS 84). */
export const Place = z.object({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) })
export type Place = z.infer<typeof Place>

/** Epoch milliseconds. */
const Instant = z.int().nonnegative()

/** A rider asks for a car. Keyed by rider. */
export const RideRequest = z.object({ rider: z.string().min(1), pickup: Place, requestedAt: Instant })
export type RideRequest = z.infer<typeof RideRequest>

/** A driver's phone says where the car is, and whether it is free. Keyed by driver. */
export const DriverLocation = z.object({ driver: z.string().min(1), at: Place, free: z.boolean(), seenAt: Instant })
export type DriverLocation = z.infer<typeof DriverLocation>

/**
 * The price level of a cell for the minute [from, to): fares are multiplied by it. Keyed by cell.
 * A cell without request and free driver in a minute has no price for it.
 */
export const SurgePrice = z.object({
  cell: z.string(),
  from: Instant,
  to: Instant,
  /** Ride requests in the minute. */
  demand: z.int(),
  /** Distinct drivers that were free in the minute. */
  drivers: z.int(),
  /** 1.00 to 3.00, in hundredths. */
  multiplier: z.number(),
})
export type SurgePrice = z.infer<typeof SurgePrice>

export const rideRequests = topic('ride-requests', { key: text, value: json(RideRequest) })
export const driverLocations = topic('driver-locations', { key: text, value: json(DriverLocation) })
export const surgePrices = topic('surge-prices', { key: text, value: json(SurgePrice) })
