/**
 * The table of all settings: name, type, default, unit, meaning and cost, once. Validation (configuration.ts), `--help`,
 * `millrace config` and the guide's page deploy/guide/configuration.md are generated from it.
 *
 * A key is written `commitIntervalMs` in a file, `MILLRACE_COMMIT_INTERVAL_MS` in the environment, `--commit-interval-ms` as a flag.
 */
import type { Secret } from './secret.ts'
import { addresses, choice, duration, flag, integer, secret, size, start, text, type Setting } from './setting.ts'

const MIB = 2 ** 20

export const settingTable = {
  brokers: addresses({
    group: 'connection',
    meaning: 'Kafka brokers to ask first; the others are found through them.',
    cost: 'One address is enough to start; give two or three, so that a start works while one of them is down.',
    alias: 'KAFKA_BROKERS',
  }),
  clientId: text('millrace', {
    group: 'connection',
    meaning: 'Name of this client in the logs, quotas and metrics of the brokers.',
    cost: 'None.',
  }),
  tls: flag(false, {
    group: 'connection',
    meaning:
      'Encrypts the connections and verifies certificate and host name of each broker. On by itself when tlsCa, tlsCert or tlsKey is set.',
    cost: 'Some processor time for each byte.',
  }),
  tlsCa: text(
    undefined,
    {
      group: 'connection',
      meaning: 'PEM file of the authority that signed the certificates of the brokers. Without it the list of authorities of Node decides.',
      cost: 'None.',
    },
    'file path',
  ),
  tlsCert: text(
    undefined,
    { group: 'connection', meaning: 'PEM file of the certificate of this client (mutual TLS).', cost: 'None.' },
    'file path',
  ),
  tlsKey: secret({ group: 'connection', meaning: 'PEM private key that belongs to tlsCert.', cost: 'None.' }),
  saslMechanism: choice(['plain', 'scram-sha-256', 'scram-sha-512'], undefined, {
    group: 'connection',
    meaning: 'How this client proves who it is. Needs saslUsername and saslPassword.',
    cost: 'plain sends the password itself and is refused without TLS, unless allowInsecure is set.',
  }),
  saslUsername: text(undefined, { group: 'connection', meaning: 'User name for SASL.', cost: 'None.' }),
  saslPassword: secret({ group: 'connection', meaning: 'Password for SASL.', cost: 'None.' }),
  allowInsecure: flag(false, {
    group: 'connection',
    meaning: 'Permits saslMechanism plain without TLS.',
    cost: 'Everyone on the network path can read the password.',
  }),
  stateDirectory: text(
    '.millrace/state',
    {
      group: 'state',
      meaning:
        'Directory of the local stores. One running worker at a time; a worker that finds its store of before reads only what is missing.',
      cost: 'Disk, about the size of the state, up to twice that while files are merged. Without a lasting disk each start restores everything from Kafka.',
    },
    'directory path',
  ),
  stateMemoryBytes: size(
    256 * MIB,
    {
      group: 'state',
      meaning:
        'Memory for state, of all tasks of the process together, as if it had all of the application, and at most half of what the container leaves: decoded values, and the block cache and write buffers of RocksDB.',
      cost: 'Memory outside and inside the JavaScript heap. Too little: more reads from disk.',
    },
    { min: 16 * MIB },
  ),
  memoryBytes: size(
    1024 * MIB,
    {
      group: 'operations',
      meaning:
        'Memory that the process keeps within, all workers and all parts together: state, buffers, JavaScript heaps. At most 85 % of the limit of the container, whatever stands here. Kept by collecting garbage more often, then by smaller caches of decoded values and earlier commits.',
      cost: 'Too little: processor time for collections, then reads from disk.',
    },
    { min: 128 * MIB },
  ),
  commitIntervalMs: duration(
    100,
    {
      group: 'processing',
      meaning: 'Time between two commits of a task while records flow. Results become visible to read_committed readers with the commit.',
      cost: 'Larger: later results, fewer transactions, fewer changelog records for keys that change often. Smaller: one round of requests for each commit.',
    },
    { min: 1, max: 60_000 },
  ),
  commitBytesMax: size(
    16 * MIB,
    {
      group: 'processing',
      meaning:
        'A task commits before its interval is over when outputs and changed state reach this size. Less where memoryBytes would not hold it for all tasks.',
      cost: 'Memory for each task, twice: one layer is on the wire while the next one fills.',
    },
    { min: 64 * 1024, max: 512 * MIB },
  ),
  bufferBytesMax: size(
    4 * MIB,
    {
      group: 'processing',
      meaning: 'Fetched bytes that may wait for each input partition; when full, the partition is paused.',
      cost: 'Memory for each input partition. Smaller than one fetch answer (1 MiB) slows reading.',
    },
    { min: 64 * 1024, max: 1024 * MIB },
  ),
  compression: choice(['none', 'gzip', 'snappy', 'lz4', 'zstd'], 'none', {
    group: 'processing',
    meaning:
      'Compression of what is written: outputs, repartition records, changelogs. Input and changelogs are read whatever they are compressed by.',
    cost: 'Processor time of the worker for less network and less disk of the brokers. zstd packs best for its time; the fastest level of each is used.',
  }),
  maxIdleMs: duration(
    1_000,
    {
      group: 'processing',
      meaning:
        'How long a task with several inputs waits for an input that is empty here although its broker has more, before it goes on out of time order.',
      cost: 'Larger: better order among inputs, later results when a broker is slow.',
    },
    { max: 600_000 },
  ),
  markerIntervalMs: duration(
    200,
    {
      group: 'processing',
      meaning: 'Smallest time between two watermark markers to the next stage.',
      cost: 'Larger: windows of the next stage close later. Smaller: one small record for each repartition partition and interval.',
    },
    { min: 1, max: 60_000 },
  ),
  workers: integer(
    1,
    {
      group: 'processing',
      meaning: 'Workers in this process, each in its own thread with its own tasks.',
      cost: 'Each has its own heap, connections and group member; stateMemoryBytes is shared by them.',
    },
    { min: 1, max: 64 },
  ),
  transactionTimeoutMs: duration(
    10_000,
    {
      group: 'recovery',
      meaning:
        'A transaction that stays open for longer is aborted by the broker. Until then a dead worker holds back readers of its outputs.',
      cost: 'Smaller: a slow broker or a paused process loses its transaction and the task is acquired again. At most transaction.max.timeout.ms of the broker.',
    },
    { min: 1_000, max: 900_000 },
  ),
  sessionTimeoutMs: duration(
    10_000,
    {
      group: 'recovery',
      meaning: 'A worker that has sent no heartbeat for this time is taken for dead, and others take its tasks over.',
      cost: 'Smaller: faster take-over, more false alarms. Must lie between the group.min and group.max.session.timeout.ms of the broker.',
    },
    { min: 1_000, max: 1_800_000 },
  ),
  heartbeatIntervalMs: duration(
    3_000,
    {
      group: 'recovery',
      meaning: 'Time between two heartbeats to the group.',
      cost: 'At most a third of sessionTimeoutMs, so that two may be lost.',
    },
    { min: 100, max: 600_000 },
  ),
  rebalanceTimeoutMs: duration(
    60_000,
    {
      group: 'recovery',
      meaning: 'How long the group waits in a rebalance for a worker to finish what it is at.',
      cost: 'Larger: one stuck worker holds the others up for longer.',
    },
    { min: 1_000, max: 1_800_000 },
  ),
  restoreStallMs: duration(
    60_000,
    {
      group: 'recovery',
      meaning:
        'A restore that makes no progress for this time stops its task and names what it waits for (as a rule a hanging transaction).',
      cost: 'Must be longer than transactionTimeoutMs.',
    },
    { min: 1_000, max: 3_600_000 },
  ),
  standbyReplicas: integer(
    0,
    {
      group: 'recovery',
      meaning:
        'Copies of the state of each task that other workers keep up to date, so that they take a task over without reading its changelogs from the start.',
      cost: 'Disk, network and some memory for each copy. More copies than other workers are not made. Workers of one application should agree; the leader of the group decides.',
    },
    { min: 0, max: 8 },
  ),
  keptStateAgeMs: duration(
    43_200_000,
    {
      group: 'state',
      meaning: 'How long the local store of a task that went to another worker is kept for its return.',
      cost: 'Disk. A store older than half of delete.retention.ms of its changelog (Kafka: 24 h) is rebuilt anyway, so more than 12 h is of use only where that was raised. 0 removes it at once.',
    },
    { max: 2 ** 31 - 1 },
  ),
  keptStateBytesMax: size(16 * 1024 * MIB, {
    group: 'state',
    meaning: 'Disk for the kept stores of tasks that went to other workers, of one worker, together; when exceeded the oldest are removed.',
    cost: 'A task that comes back after its store was removed is restored from the start of its changelogs.',
  }),
  metadataIntervalMs: duration(
    60_000,
    {
      group: 'recovery',
      meaning:
        'How often a worker looks whether partitions were added to an input or topics were deleted; it stops with a message then. 0: only at its start.',
      cost: 'One small request.',
    },
    { max: 86_400_000 },
  ),
  startAt: start({
    group: 'recovery',
    meaning: 'Where a source starts that has never been read by this application and version, unless the topology says it.',
    cost: 'latest leaves out everything that is in the topic already.',
  }),
  onSkip: choice(['stop', 'accept'], 'stop', {
    group: 'recovery',
    meaning: 'What happens when somebody moved the committed offsets forward, so that records would be left out.',
    cost: 'accept: the records in between are never processed; it is counted and logged.',
  }),
  onGap: choice(['fail', 'accept-gap'], 'fail', {
    group: 'recovery',
    meaning: 'What happens when the topic has deleted records that were not yet processed (retention).',
    cost: 'accept-gap: goes on at the first record that is left; the gap is counted and logged.',
  }),
  replicationFactor: integer(
    -1,
    {
      group: 'recovery',
      meaning: 'Replicas of the internal topics when Millrace creates them; -1 takes the default of the broker.',
      cost: 'Less than 3 loses state with a broker. It does not change topics that exist.',
    },
    { min: -1, max: 32_767 },
  ),
  adminHost: text('127.0.0.1', {
    group: 'operations',
    meaning: 'Address on which /status, /metrics, /live, /ready, /topology and /state are served.',
    cost: 'On any other than a loopback address, /status, /topology and /state need a token. 0.0.0.0 or :: for containers.',
  }),
  adminPort: integer(
    9464,
    { group: 'operations', meaning: 'Port of the admin server; 0 takes any free one and logs it.', cost: 'None.' },
    { max: 65_535 },
  ),
  adminToken: secret({
    group: 'operations',
    meaning: 'Bearer token for /status and /topology. /metrics, /live and /ready carry no data values and need none.',
    cost: 'None.',
  }),
  stateReadsToken: secret({
    group: 'operations',
    meaning: 'Bearer token for /state/<store>/<key>, which shows values of your data. Without it adminToken is asked for.',
    cost: 'None.',
  }),
  logLevel: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info', {
    group: 'operations',
    meaning: 'Least severe log line that is written.',
    cost: 'debug and trace write lines for each commit.',
  }),
  logFormat: choice(['auto', 'json', 'text'], 'auto', {
    group: 'operations',
    meaning: 'json: one object for each line. text: for eyes. auto: text on a terminal, else json.',
    cost: 'None.',
  }),
  shutdownMs: duration(
    20_000,
    {
      group: 'operations',
      meaning:
        'SIGTERM and SIGINT finish the running commit, leave the group and end within this time, also when the broker is away. A second signal ends at once.',
      cost: 'Keep it below the grace period of the platform (Kubernetes: 30 s).',
    },
    { min: 100, max: 600_000 },
  ),
  livenessMs: duration(
    60_000,
    {
      group: 'operations',
      meaning:
        '/live fails when records wait and the loop of the engine has made no turn for this time. Rebalances, restores, silence and a broker that is away do not fail it.',
      cost: 'Smaller: restarts for long pauses that would pass by themselves.',
    },
    { min: 1_000, max: 3_600_000 },
  ),
}

export type SettingKey = keyof typeof settingTable

type ValueOf<S> = S extends { readonly secret: true } ? Secret | undefined : S extends Setting<infer V> ? V : never
type InputOf<S> = S extends Setting<unknown, infer I> ? I : never

/** Everything resolved: defaults filled in, references to secrets read. Times in ms, sizes in bytes. */
export type Settings = { readonly [K in SettingKey]: ValueOf<(typeof settingTable)[K]> }

/** What a configuration file may hold. */
export type Configuration = { readonly [K in SettingKey]?: InputOf<(typeof settingTable)[K]> | undefined }

/** All settings in the order of the table. */
export const settingKeys: readonly SettingKey[] = Object.keys(settingTable).filter((key): key is SettingKey => isSettingKey(key))

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settingTable, key)
}

const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

export const flagOf = (key: SettingKey): string => kebab(key)
export const variableOf = (key: SettingKey): string => `MILLRACE_${kebab(key).replaceAll('-', '_').toUpperCase()}`
