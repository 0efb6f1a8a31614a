/** Every request that Millrace sends, and the check that a broker takes the version of each. */
import { Fault } from '../../faults/fault.ts'
import { createTopicsApi, deleteRecordsApi, deleteTopicsApi, describeConfigsApi, listOffsetsApi } from './admin-apis.ts'
import type { VersionRange } from './cluster-apis.ts'
import { findCoordinatorApi, metadataApi } from './cluster-apis.ts'
import { fetchApi } from './fetch-api.ts'
import {
  describeGroupsApi,
  heartbeatApi,
  joinGroupApi,
  leaveGroupApi,
  offsetCommitApi,
  offsetFetchApi,
  syncGroupApi,
} from './group-apis.ts'
import { produceApi } from './produce-api.ts'
import { addOffsetsToTxnApi, addPartitionsToTxnApi, endTxnApi, initProducerIdApi, txnOffsetCommitApi } from './transaction-apis.ts'

export const requiredApis: readonly { readonly name: string; readonly key: number; readonly version: number }[] = [
  produceApi,
  fetchApi,
  listOffsetsApi,
  metadataApi,
  offsetCommitApi,
  offsetFetchApi,
  findCoordinatorApi,
  joinGroupApi,
  heartbeatApi,
  leaveGroupApi,
  syncGroupApi,
  describeGroupsApi,
  createTopicsApi,
  deleteTopicsApi,
  deleteRecordsApi,
  initProducerIdApi,
  addPartitionsToTxnApi,
  addOffsetsToTxnApi,
  endTxnApi,
  txnOffsetCommitApi,
  describeConfigsApi,
]

/** Throws MR3021 (`stop`) if the broker does not take the version of a request that we send. */
export function checkVersions(address: string, ranges: readonly VersionRange[]): void {
  const byKey = new Map(ranges.map((range) => [range.key, range]))
  const missing = requiredApis.flatMap(({ name, key, version }) => {
    const range = byKey.get(key)
    if (range && range.min <= version && version <= range.max) return []
    return [`${name} version ${version} (broker: ${range ? `${range.min} to ${range.max}` : 'none'})`]
  })
  if (missing.length > 0)
    throw new Fault(
      'MR3021',
      'stop',
      `the broker at ${address} does not take ${missing.join(', ')}. Millrace works with Apache Kafka 3.1 to 4.1: upgrade the broker, or Millrace.`,
    )
}
