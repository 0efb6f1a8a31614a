/**
 * The shop of the guide: the topics and the topology that examples without imports stand in. `test/unit/guide/guide.test.ts` compiles every
 * example against this file.
 */
import { json, none, text, topic, type, windowed } from 'millrace'
import { z } from 'zod'

export const Order = z.object({
  id: z.string(),
  customer: z.string(),
  product: z.string(),
  cents: z.int().nonnegative(),
  /** Epoch milliseconds. */
  placedAt: z.int().nonnegative(),
})
export type Order = z.infer<typeof Order>

export interface Payment {
  readonly order: string
  readonly customer: string
  readonly cents: number
  /** ISO 8601. */
  readonly paidAt: string
}
export interface Customer {
  readonly name: string
  readonly city: string
}
export interface Click {
  readonly customer: string
  readonly page: string
}

// Read: orders and payments by customer, clicks by nobody, customers as a table.
export const orders = topic('orders', { key: text, value: json(Order) })
export const payments = topic('payments', { key: text, value: json(type<Payment>()) })
export const clicks = topic('clicks', { key: none, value: json(type<Click>()) })
export const customers = topic('customers', { key: text, value: json(type<Customer>()) })

// Written.
export const spent = topic('spent', { key: text, value: json(type<number>()) })
export const perMinute = topic('per-minute', { key: text, value: json(type<{ readonly from: number; readonly orders: number }>()) })
export const perMinuteNow = topic('per-minute-now', { key: windowed(text), value: json(type<number>()) })
export const lateOrders = topic('late-orders', { key: text, value: json(Order) })
export const bigOrders = topic('big-orders', { key: text, value: json(Order) })
export const smallOrders = topic('small-orders', { key: text, value: json(Order) })
export const pages = topic('pages', { key: text, value: json(type<{ readonly page: string }>()) })
export const cities = topic('cities', { key: text, value: json(type<number>()) })
export const alerts = topic('alerts', { key: text, value: json(type<{ readonly customer: string; readonly text: string }>()) })
