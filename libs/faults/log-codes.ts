import type { FaultEntry } from './fault.ts'

/** Faults of the log (MR3xxx). Both homes of the log port, libs/kafka and libs/memory, answer with the same codes. */
export const logCodes: readonly FaultEntry[] = [
  {
    code: 'MR3001',
    title: 'Another owner has taken the transactional id',
    story:
      'A newer producer was opened for the same transactional id, or the coordinator aborted the transaction because it was open for too long. The open transaction of this producer is aborted, and nothing it does is seen any more.',
    cure: 'Usually none: the task moved to another worker. If it happens again and again, look for two deployments with the same application name and version, or for pauses longer than the transaction time-out.',
    example: 'MR3001 transactional id surge-pricing.v2.demand.3 was taken over by a newer producer',
  },
  {
    code: 'MR3002',
    title: 'The group no longer counts this worker as a member of its generation',
    story:
      'Positions were sent with a member id or generation that the group coordinator no longer accepts, so they were refused; the transaction is not committed.',
    cure: 'None: the worker joins again by itself. If it is frequent, look for pauses longer than the session time-out (garbage collection, a stopped container).',
    example: 'MR3002 group surge-pricing.v2 refused positions of member worker-1 in generation 7: the group is at generation 8',
  },
  {
    code: 'MR3003',
    title: 'A record is larger than the topic allows',
    story:
      'The broker refuses the record for good (max.message.bytes of the topic). Nothing of the transaction is kept; the re-run sends the input record to the dead letters.',
    cure: 'Raise max.message.bytes of the topic, or make the record smaller.',
    example: 'MR3003 record 4 for surge-prices:0 has 1200345 bytes, the topic takes 1048588',
  },
  {
    code: 'MR3004',
    title: 'A record is not valid for its topic',
    story:
      'The broker refuses the record for good: a compacted topic takes no record without a key, and no topic takes a timestamp further ahead than message.timestamp.after.max.ms. Nothing of the transaction is kept; the re-run sends the input record to the dead letters.',
    cure: 'Give every record for a compacted topic a key; correct the event time, or raise message.timestamp.after.max.ms of the topic.',
    example: 'MR3004 record 0 for surge-table:1 has no key, and the topic is compacted',
  },
  {
    code: 'MR3005',
    title: 'A topic or partition does not exist',
    story:
      'The topic was never created, was deleted, or has fewer partitions than expected. Millrace never creates a topic by writing to it: what was in hand is not committed and the task stopped; a command or a start ended before it did anything.',
    cure: 'Run `millrace topics create`, check the names in the configuration, and start the worker again. If an input or internal topic was deleted, the start says what is lost.',
    example: 'MR3005 topic ride-requests has no partition 7',
  },
  {
    code: 'MR3006',
    title: 'The broker refuses the settings of a topic',
    story:
      'A topic could not be created: its name, number of partitions, replication factor or a setting is not legal. It was not created, and nothing was started.',
    cure: 'Correct the setting that the message names.',
    example: 'MR3006 topic demand: replication factor 3 is larger than the number of brokers, 1',
  },
  {
    code: 'MR3007',
    title: 'The group has members, so positions cannot be moved from outside',
    story: 'Positions of a group are only moved while it is empty; otherwise a worker would overwrite them unseen. Nothing was changed.',
    cure: 'Stop all workers of the application, wait for the session time-out, and repeat the command.',
    example: 'MR3007 group surge-pricing.v2 has 2 members',
  },
  {
    code: 'MR3008',
    title: 'A transaction on the positions of the group does not end',
    story:
      'Positions are not stable while a transaction that holds newer ones is open. It did not end in the time that was allowed. Older positions were not used in their place; a task asks again, with pauses.',
    cure: 'It ends by itself at the transaction time-out at the latest. If not, look for a hanging transaction: kafka-transactions.sh find-hanging.',
    example: 'MR3008 positions of group surge-pricing.v2 on ride-requests:0 are still pending after 30000 ms',
  },
  {
    code: 'MR3009',
    title: 'Records of the topic cannot be deleted',
    story: 'The broker deletes records only from topics whose cleanup.policy contains delete, and only below their end.',
    cure: 'Nothing, if the topic is a changelog: those are compacted and are never cut. Else correct cleanup.policy.',
    example: 'MR3009 records of surge-pricing.v2.demand-changelog:0 cannot be deleted: cleanup.policy is compact',
  },
  {
    code: 'MR3010',
    title: 'The outcome of a request is unknown',
    story:
      'The connection ended or the answer did not come in time. The request may have been carried out or not. The task is acquired again, and finds out from the log.',
    cure: 'Usually none. If it is frequent, look at the broker load and the network.',
    example: 'MR3010 no answer to the end of the transaction of surge-pricing.v2.demand.3',
  },
  {
    code: 'MR3011',
    title: 'The producer failed before and takes no more work',
    story: 'After any failure of a transaction its producer is thrown away, and the task is acquired again; a further call was refused.',
    cure: 'None, the task is acquired again. See the first failure in the log.',
    example: 'MR3011 the producer of surge-pricing.v2.demand.3 has failed before',
  },
  {
    code: 'MR3012',
    title: 'The connection to the log is closed',
    story: 'A call was made after the log was closed, most often at the end of a shutdown. Nothing was sent.',
    cure: 'None when the process is stopping. Else please report it with the log.',
    example: 'MR3012 the log is closed',
  },
  {
    code: 'MR3013',
    title: 'The group has members of another kind',
    story:
      'The members of a consumer group must all use the same assignor. This group is in use by another program. The worker did not join and processed nothing.',
    cure: 'Give the application another name, or stop the other program.',
    example: 'MR3013 group surge-pricing.v2 uses the protocol range, this worker millrace',
  },
  {
    code: 'MR3014',
    title: 'The transaction time-out is not allowed by the broker',
    story: 'The transaction time-out is not positive, or above transaction.max.timeout.ms of the broker. No transaction was begun.',
    cure: 'Set a transaction time-out of at most transaction.max.timeout.ms (15 minutes unless changed).',
    example: 'MR3014 transaction time-out 3600000 ms is above 900000 ms',
  },
  {
    code: 'MR3015',
    title: 'The text beside a committed position is too long',
    story:
      'The broker keeps at most offset.metadata.max.bytes (4096) beside each position, and refused a longer one. The transaction was not committed and the task stopped.',
    cure: 'Report it: Millrace writes fewer than 100 bytes there.',
    example: 'MR3015 metadata of ride-requests:0 in group surge-pricing.v2 has 5000 bytes',
  },
  {
    code: 'MR3016',
    title: 'The session time-out is not allowed by the broker',
    story:
      'The worker asked to be taken for dead after a time that is shorter or longer than the broker allows (group.min.session.timeout.ms and group.max.session.timeout.ms). It could not join the group, and processed nothing.',
    cure: 'Set sessionTimeoutMs to a value within the bounds of the broker (as a rule 6 seconds to 30 minutes), or change the bounds there.',
    example:
      'MR3016 JoinGroup: INVALID_SESSION_TIMEOUT for group surge-pricing.v1 with protocol millrace. Set sessionTimeoutMs between ...',
  },
  {
    code: 'MR3060',
    title: 'A run from memory would write to its input',
    story:
      'A look into the past, or a check, runs the topology with its outputs in memory and only reads the inputs from the cluster. Something tried to write to such an input. Nothing was written.',
    cure: 'This is a fault of Millrace: please report it with the topology.',
    example: 'orders is only read by this run, and something would be written to it',
  },
]
