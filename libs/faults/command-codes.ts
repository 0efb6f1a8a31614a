import type { FaultEntry } from './fault.ts'

/** Faults of configuration (MR200x), of the command line and what it is asked to load (MR201x to MR206x), and of the process (MR207x). */
export const commandCodes: readonly FaultEntry[] = [
  {
    code: 'MR2001',
    title: 'The configuration file cannot be used',
    story: 'The file is missing, is no valid JSON or TypeScript, or does not give one object of settings. Nothing was started.',
    cure: 'Check the path given by --config or MILLRACE_CONFIG. A TypeScript file ends with "export default configuration({ ... })"; a JSON file holds one object.',
    example: 'MR2001 cannot read millrace.config.ts: Unexpected token, line 3',
  },
  {
    code: 'MR2002',
    title: 'A setting has an unknown name',
    story:
      'A key of the configuration file or an environment variable that begins with MILLRACE_ is no setting. It would have been ignored, and what it was meant to do would not happen, so nothing was started.',
    cure: 'Use the name that the message suggests. "millrace config" lists all settings.',
    example: 'MR2002 unknown setting "comitIntervalMs" in millrace.config.ts. Did you mean commitIntervalMs?',
  },
  {
    code: 'MR2003',
    title: 'A setting has a value that it cannot take',
    story: 'A value has the wrong type or unit, or lies outside its bounds. Nothing was started.',
    cure: 'The message says what is accepted. Durations: 500, "500ms", "10s", "5m". Sizes: 1048576, "64MiB".',
    example: 'MR2003 --commit-interval-ms must be at least 1 milliseconds, and "0" is less',
  },
  {
    code: 'MR2004',
    title: 'A setting that is needed is not set',
    story: 'The command needs a setting for which there is no default, as a rule the addresses of the brokers.',
    cure: 'Give it as a flag, an environment variable or in millrace.config.ts; the message names all three.',
    example: 'MR2004 no brokers are set. Give --brokers localhost:9092, MILLRACE_BROKERS or brokers in millrace.config.ts',
  },
  {
    code: 'MR2005',
    title: 'A secret cannot be read, or is not given as a reference',
    story:
      'Secrets are given as references, env:NAME or file:path, so that they stay out of files, process lists and logs. The reference is wrong, the variable or file is missing or empty, or other users of the machine can read the file. The value is never shown.',
    cure: 'Set the variable, or correct the path and run chmod 600 on the file (mode 0440 with a group is accepted, for Kubernetes).',
    example:
      'MR2005 saslPassword in millrace.config.ts refers to file:/run/secrets/kafka: every user of this machine can read it; run chmod 600',
  },
  {
    code: 'MR2006',
    title: 'Settings contradict each other',
    story:
      'Each value is fine alone, but together they would break something: a time-out that is shorter than what it waits for, half of a pair.',
    cure: 'The message names both settings and which way to move them.',
    example: 'MR2006 heartbeatIntervalMs 5000 is more than a third of sessionTimeoutMs 10000: one lost heartbeat would expel the worker.',
  },
  {
    code: 'MR2007',
    title: 'An insecure connection was refused',
    story:
      'SASL mechanism plain sends the password itself. Without TLS everyone on the network path could read it, so no connection was made.',
    cure: 'Set tls or tlsCa, or use scram-sha-512. Where the network is trusted, set allowInsecure.',
    example: 'MR2007 saslMechanism plain without TLS sends the password in clear text.',
  },
  {
    code: 'MR2010',
    title: 'The command line is not understood',
    story: 'There is no such command or flag, an argument is missing, or there are too many. Nothing was done.',
    cure: 'Use what the message suggests, or see "millrace --help" and "millrace <command> --help".',
    example: 'MR2010 unknown flag --broker of millrace run. Did you mean --brokers?',
  },
  {
    code: 'MR2011',
    title: 'The running Node.js is too old',
    story:
      'Millrace runs its TypeScript directly, which needs Node.js 24 or newer. The launcher found neither a new enough Node nor the npm package "node".',
    cure: 'Install Node.js 24, or run "npm install --save-dev node@24" in the project, or name a Node in MILLRACE_NODE.',
    example: 'MR2011 Node.js 20.20.2 is too old, and the npm package "node" is not installed',
  },
  {
    code: 'MR2012',
    title: 'The topology module cannot be loaded',
    story: 'The file does not exist, or the import of it or of something it imports failed.',
    cure: 'Check the path, which is relative to the current directory; the message of the import says the rest. TypeScript must be erasable (no enum, no namespace) and import files with their ending.',
    example: 'MR2012 cannot load services/surge/topology.ts: there is no such file in /home/ann/rides',
  },
  {
    code: 'MR2013',
    title: 'The module gives no topology',
    story: 'The default export of the module is not what topology(...) returns.',
    cure: 'End the module with "export default topology(\'name\', { version: 1 }, (flow) => { ... })".',
    example:
      'MR2013 services/surge/topology.ts has no default export; its exports are surgePricing. Did you mean "export default surgePricing"?',
  },
  {
    code: 'MR2020',
    title: 'The admin server cannot listen',
    story:
      'Another process has the address, or this machine does not have it. The worker was not started, since nobody could see how it is.',
    cure: 'Set adminPort to another port, or to 0 for any free one. For a second worker on one machine: --admin-port 0.',
    example: 'MR2020 the admin server cannot listen on 127.0.0.1:9464: another process has it.',
  },
  {
    code: 'MR2021',
    title: 'A worker cannot be asked',
    story: 'The admin server of the worker does not answer, or answers something that is no status document of this version.',
    cure: 'Check that the worker runs and the address (its log has a line "admin server listens"). Give it by --admin http://host:port.',
    example: 'MR2021 no answer from http://127.0.0.1:9464: connection refused. Is the worker running?',
  },
  {
    code: 'MR2022',
    title: 'The worker refused the request',
    story: 'The admin server wants a token, or does not offer what was asked for.',
    cure: 'Set adminToken (and stateReadsToken for reads of state) to the same secret as the worker.',
    example: 'MR2022 http://worker-1:9464 refused /status: send the header "Authorization: Bearer <adminToken>"',
  },
  {
    code: 'MR2030',
    title: 'Topics do not fit the topology',
    story:
      'A topic is missing, or its partitions or settings would break a promise: wrong counts, a compacted topic that is not, retention that deletes state.',
    cure: '"millrace topics create <module>" creates internal topics, with --external the others too. The lines above say what to change on topics that exist.',
    example: 'MR2030 3 of 9 topics of surge-pricing v1 do not fit',
  },
  {
    code: 'MR2031',
    title: 'doctor found something wrong',
    story: 'At least one check failed; a worker would not start, or would not keep its promises.',
    cure: 'Each failed check is printed with its cure.',
    example: 'MR2031 2 of 14 checks failed',
  },
  {
    code: 'MR2040',
    title: 'The file to load cannot be read',
    story: 'It does not exist, or is neither a JSON array of objects nor one JSON object for each line.',
    cure: 'Check path and content. A path into an installed package, such as vega-datasets/data/flights-20k.json, works too.',
    example: 'MR2040 flights.json line 17 is no JSON: Unexpected end of input',
  },
  {
    code: 'MR2041',
    title: 'A record to load lacks a field',
    story: 'The field named by --key or --time is missing or has no value that can be used. Nothing was written.',
    cure: 'Name a field that all records have; nested ones with dots. --time takes epoch milliseconds, ISO 8601 or a date.',
    example: 'MR2041 record 12 of flights.json has no field "orign" for --key. Did you mean origin?',
  },
  {
    code: 'MR2042',
    title: 'The topic to load into does not fit',
    story: 'It does not exist and no number of partitions was given to create it with, or it exists with another number.',
    cure: 'Give --partitions to create it, or leave it out for a topic that exists.',
    example: 'MR2042 topic flights does not exist. Give --partitions <n> to create it.',
  },
  {
    code: 'MR2050',
    title: 'There is no such state',
    story: 'No local store of the application is in the state directory, or the step, task or key is not in it.',
    cure: '"millrace state tasks <module>" shows what is there. A key lives in one partition, so another worker may have it.',
    example: 'MR2050 no store "demand" in .millrace/surge-pricing.v1; there are: smoothing',
  },
  {
    code: 'MR2051',
    title: 'The state directory cannot be used',
    story: 'The directory of the local stores could not be made or written, or too many workers use it. The worker was not started.',
    cure: 'Set stateDirectory to a directory on a lasting disk that the user of the process can write.',
    example: 'MR2051 the state directory cannot be used: EACCES: permission denied, mkdir /var/lib/millrace',
  },
  {
    code: 'MR2052',
    title: 'A key on the command line cannot be used',
    story: 'The key could not be written in the key format of the step, or is no hex or JSON although it was said to be.',
    cure: 'Keys of text are written as they are. Numbers, true, false and tuples: --key-as json. Bytes: --key-as hex.',
    example: 'MR2052 the key "12a" cannot be used: Unexpected token. Numbers and tuples: --key-as json; bytes: --key-as hex.',
  },
  {
    code: 'MR2054',
    title: 'The state of then cannot be computed',
    story: 'state get --at runs the topology over the retained inputs, in memory. That run failed. Nothing was changed anywhere.',
    cure: 'The message says why it failed; user code that fails on a record is the usual cause.',
    example: 'MR2054 the state of then could not be computed: Cannot read properties of undefined',
  },
  {
    code: 'MR2060',
    title: 'There is no such error code',
    story: 'Codes have the form MR and four digits.',
    cure: '"millrace explain" without a code lists all.',
    example: 'MR2060 unknown code MR9999',
  },
  {
    code: 'MR2070',
    title: 'The worker did not stop in time',
    story:
      'After SIGTERM or SIGINT the running commit, leaving the group or closing the stores took longer than shutdownMs, so the process ended without them. No promise is broken: what was not committed is done again by the next owner.',
    cure: 'If it happens again and again: is the broker reachable? Raise shutdownMs (below the grace period of the platform).',
    example: 'MR2070 not stopped within 20000 ms; ending the process',
  },
  {
    code: 'MR2071',
    title: 'An error that nobody handles ended the process',
    story:
      'A rejected promise or an exception came from nowhere that the engine knows, so its state can no longer be trusted. The process ends; another worker takes over.',
    cure: 'The log has the stack. If it is code of the topology (a timer or promise of its own), handle it there; else please report it.',
    example: 'MR2071 unhandled rejection: TypeError: fetch failed',
  },
  {
    code: 'MR2053',
    title: 'A reset names a partition that is no input',
    story: 'millrace reset --to-offset names a topic or partition that the topology does not read. Nothing was changed.',
    cure: 'Take the names from the message: topic:partition of external inputs. Repartition topics are not reset: what is in them of the old epoch is dropped.',
    example: 'surge-pricing.v1 does not read ride-requests:9; its inputs are ride-requests:0, ride-requests:1',
  },
]
