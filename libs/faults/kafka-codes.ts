import type { FaultEntry } from './fault.ts'

/** Faults that only a real cluster has (MR3020 and following); those of both homes of the log are in log-codes.ts. */
export const kafkaCodes: readonly FaultEntry[] = [
  {
    code: 'MR3020',
    title: 'No broker can be reached',
    story: 'None of the configured brokers, nor any that was found through them, answered in the time that is allowed. Nothing was done.',
    cure: 'Check that Kafka runs, the addresses in the configuration, name resolution, firewalls, and that TLS is set where the listener wants it (and only there).',
    example: 'MR3020 no broker answers at localhost:9092 (after 15000 ms; last: connect ECONNREFUSED 127.0.0.1:9092)',
  },
  {
    code: 'MR3021',
    title: 'The broker does not take a request version that Millrace sends',
    story:
      'At every connection the versions of all requests are compared with what the broker takes, so that an old or a very new broker fails here and not in the middle of a transaction.',
    cure: 'Millrace works with Apache Kafka 3.1 to 4.1. Upgrade the broker, or Millrace.',
    example: 'MR3021 the broker at localhost:9092 does not take TxnOffsetCommit version 3 (broker: 0 to 2)',
  },
  {
    code: 'MR3022',
    title: 'The broker refuses the login',
    story:
      'SASL authentication failed: user name, password or mechanism. A wrong password does not become right by itself, so the command ended and nothing was read or written.',
    cure: 'Check the credentials and the mechanism (plain, scram-sha-256, scram-sha-512) of the listener.',
    example: 'MR3022 the broker at localhost:9092 refuses the login of millrace by scram-sha-512: Authentication failed',
  },
  {
    code: 'MR3023',
    title: 'The installed kafkajs is not the one that Millrace was checked with',
    story:
      'kafkajs is pinned and patched. The self-test at the start found another version, a missing patch, or a wrong result. Nothing was started: such a client can show aborted records or lose the end of a transaction.',
    cure: 'Run `npm ci`, which installs the pinned version and applies deploy/patches.',
    example: 'MR3023 kafkajs is 2.2.3 instead of 2.2.4',
  },
  {
    code: 'MR3024',
    title: 'The cluster does not authorize it',
    story:
      'The access rules of the cluster refuse this user the topic, group, transactional id or operation that the message names. At a start nothing was begun. A worker that ran threw its open transactions away and ended, so nothing is lost or written twice.',
    cure: 'Grant the right (`millrace doctor` lists all that an application needs), and start the worker again.',
    example: 'MR3024 Produce: TOPIC_AUTHORIZATION_FAILED for surge-prices:0',
  },
  {
    code: 'MR3025',
    title: 'A setting of the Kafka connection makes no sense',
    story: 'An address, number or file of the connection settings cannot be used. No connection was made.',
    cure: 'Correct the setting that the message names.',
    example: 'MR3025 Kafka option brokers holds "localhost", which is not host:port.',
  },
  {
    code: 'MR3026',
    title: 'The broker has lost or rejects the state of the transaction',
    story:
      'The coordinator or a partition leader does not agree with the producer about the transaction (sequence, producer id, transaction state). The transaction is given up; the task is acquired again and continues from the last commit.',
    cure: 'None if it is rare, as after an unclean leader election. If it is frequent, look at the broker logs of that time.',
    example: 'MR3026 EndTxn: INVALID_TXN_STATE in the transaction of surge-pricing.v2.demand.3',
  },
  {
    code: 'MR3027',
    title: 'A coordinator or leader stays unavailable',
    story:
      'The broker answered for a long time that it is not ready: it loads, elects, or completes an earlier transaction. Nothing was done.',
    cure: 'Look for brokers that are down and partitions without a leader (also of __transaction_state and __consumer_offsets).',
    example: 'MR3027 InitProducerId for surge-pricing.v2.demand.3: CONCURRENT_TRANSACTIONS for 30000 ms',
  },
  {
    code: 'MR3028',
    title: 'A batch in the log is damaged',
    story: 'The checksum or the layout of a batch is wrong. The partition is not read any further: skipping would lose records in silence.',
    cure: 'Check the disks of the broker. After a leader election the records come from another replica.',
    example: 'MR3028 the batch at ride-requests:3:123456 is damaged: its checksum is 1a2b3c4d instead of 5e6f7a8b',
  },
  {
    code: 'MR3029',
    title: 'A topic holds records in an old message format',
    story:
      'Message formats 0 and 1 (before Kafka 0.11) have no transactions and are not read. The task stopped before that batch; leaving it out would lose its records in silence.',
    cure: 'Copy the topic with a current producer, or let the old records expire, and start the worker again.',
    example: 'MR3029 ride-requests:3 holds a batch in message format 1',
  },
  {
    code: 'MR3030',
    title: 'A batch is compressed by an unknown codec',
    story: 'gzip, snappy, lz4 and zstd are read. The task stopped before that batch; leaving it out would lose its records in silence.',
    cure: 'Set compression.type of the producer to one of them. The batch that is there must expire, or the topic be copied by a client that reads it.',
    example: 'MR3030 the batch at ride-requests:3:123456 is compressed by codec 5',
  },
  {
    code: 'MR3031',
    title: 'The worker was expelled from its group',
    story:
      'The group coordinator did not hear of the member for the session time-out, or the member took longer than the rebalance time-out to let go of its tasks. All its tasks are lost at once; it joins again by itself.',
    cure: 'If it is frequent, look for long pauses of the process (garbage collection, a frozen container, an overloaded disk) and for a broken network.',
    example: 'MR3031 member millrace-1 of surge-pricing.v2 was expelled: Heartbeat: UNKNOWN_MEMBER_ID',
  },
  {
    code: 'MR3032',
    title: 'The cluster refuses an administrative request',
    story:
      'A request about topics, settings or groups was refused for the reason in the message. Nothing was changed; a command ends, a task is acquired again with pauses.',
    cure: 'Correct what the message names.',
    example: 'MR3032 DeleteTopics: POLICY_VIOLATION for ride-requests',
  },
]
