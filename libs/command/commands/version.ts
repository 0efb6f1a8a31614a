/** `millrace version`. */
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { manifest, millraceVersion } from '../millrace-version.ts'

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the versions of Millrace, Node and the main libraries.',
  usage: '',
  positionalsMin: 0,
  positionalsMax: 0,
  flags: {},
  settings: [],
  details: [],
  run: async ({ io, json }) => {
    const { dependencies } = manifest
    const versions = {
      millrace: millraceVersion,
      node: process.versions.node,
      kafkajs: dependencies['kafkajs'],
      rocksdb: dependencies['@nxtedition/rocksdb'],
    }
    io.out(
      json
        ? JSON.stringify(versions)
        : `millrace ${versions.millrace} (node ${versions.node}, kafkajs ${versions.kafkajs}, @nxtedition/rocksdb ${versions.rocksdb})`,
    )
    return exitCodes.ok
  },
}
