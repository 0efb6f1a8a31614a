/** Where things are: brokers, topics, leaders, coordinators; and the handshake of versions. */
import type { Api } from './api.ts'

export interface VersionRange {
  readonly key: number
  readonly min: number
  readonly max: number
}

export const apiVersionsApi: Api<undefined, { readonly errorCode: number; readonly ranges: readonly VersionRange[] }> = {
  name: 'ApiVersions',
  key: 18,
  version: 0,
  flexible: false,
  write() {},
  read(reader) {
    return { errorCode: reader.int16(), ranges: reader.array(() => ({ key: reader.int16(), min: reader.int16(), max: reader.int16() })) }
  },
}

export interface TopicMetadata {
  readonly errorCode: number
  readonly name: string
  readonly id: string | undefined
  readonly isInternal: boolean
  readonly partitions: readonly {
    readonly errorCode: number
    readonly partition: number
    /** -1: none at present. */
    readonly leader: number
    readonly replicas: readonly number[]
  }[]
}

export interface Metadata {
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[]
  readonly clusterId: string
  readonly controller: number
  readonly topics: readonly TopicMetadata[]
}

/** `topics` null: all of them. Never creates a topic. */
export const metadataApi: Api<{ readonly topics: readonly string[] | null }, Metadata> = {
  name: 'Metadata',
  key: 3,
  version: 12,
  flexible: true,
  write(writer, { topics }) {
    if (topics === null) writer.uvarint(0)
    else
      writer.compactArray(topics, (name) => {
        writer.int64(0).int64(0).compactNullableString(name).noTags()
      })
    writer.boolean(false).boolean(false).noTags()
  },
  read(reader) {
    reader.int32()
    const brokers = reader.compactArray(() => {
      const broker = { id: reader.int32(), host: reader.compactString(), port: reader.int32() }
      reader.compactNullableString()
      reader.skipTags()
      return broker
    })
    const clusterId = reader.compactNullableString() ?? ''
    const controller = reader.int32()
    const topics = reader.compactArray((): TopicMetadata => {
      const errorCode = reader.int16()
      const name = reader.compactNullableString() ?? ''
      const id = reader.uuid()
      const isInternal = reader.boolean()
      const partitions = reader.compactArray(() => {
        const partition = { errorCode: reader.int16(), partition: reader.int32(), leader: reader.int32() }
        reader.int32()
        const replicas = reader.compactArray(() => reader.int32())
        reader.compactArray(() => reader.int32())
        reader.compactArray(() => reader.int32())
        reader.skipTags()
        return { ...partition, replicas }
      })
      reader.int32()
      reader.skipTags()
      return { errorCode, name, id, isInternal, partitions }
    })
    return { brokers, clusterId, controller, topics }
  },
}

export type CoordinatorKind = 'group' | 'transaction'

export const findCoordinatorApi: Api<
  { readonly key: string; readonly kind: CoordinatorKind },
  { readonly errorCode: number; readonly message: string | null; readonly id: number; readonly host: string; readonly port: number }
> = {
  name: 'FindCoordinator',
  key: 10,
  version: 2,
  flexible: false,
  write(writer, { key, kind }) {
    writer.string(key).int8(kind === 'group' ? 0 : 1)
  },
  read(reader) {
    reader.int32()
    return {
      errorCode: reader.int16(),
      message: reader.nullableString(),
      id: reader.int32(),
      host: reader.string(),
      port: reader.int32(),
    }
  },
}
