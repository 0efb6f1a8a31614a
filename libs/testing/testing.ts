/** The face of `millrace/testing`: the test kit for users' topologies. */
export { driver } from './driver.ts'
export type { CrashPoint, Driver, DriverOptions } from './driver.ts'
export type { DriverRecord, DriverTopic, RecordToSend } from './driver-topic.ts'
export type { DriverStore } from './driver-store.ts'
