/** Codes of task life and the acquire barrier. */
import type { FaultEntry } from './fault.ts'

export const taskCodes: readonly FaultEntry[] = [
  {
    code: 'MR5001',
    title: 'The plan of a topology is out of order',
    story:
      'A sub-topology stands before the one that feeds it. Millrace builds plans in order, so this is a defect of Millrace; nothing was started.',
    cure: 'Report it with the output of `millrace topology <module> --format json`.',
    example: 'the plan of surge-pricing lists ride-requests behind its reader',
  },
  {
    code: 'MR5002',
    title: 'The manifest could not be written',
    story:
      'At the first run one worker writes the manifest into the control topic. Other workers that started at the same moment kept taking the topic over. Nothing was started.',
    cure: 'Start one worker first, the others a few seconds later.',
    example: 'the manifest of surge-pricing v1 could not be written to surge-pricing.v1.control in 20 tries',
  },
  {
    code: 'MR5003',
    title: 'The topology does not fit the stored state',
    story:
      'The control topic holds a manifest: sub-topologies, stores and task counts of the release that made the state. This release has other ones; it would read that state with other eyes. It was refused before anything was touched.',
    cure: 'Give the changed topology a new version, so that it builds its own state from the log; or start the release that fits.',
    example: 'surge-pricing v1 has state of another shape than this release: the stateful step smoothing of cell is gone or was renamed',
  },
  {
    code: 'MR5004',
    title: 'The application was re-created while a worker ran',
    story:
      'The manifest in the control topic has another state id than the one that this worker started with. Its state belongs to a former life. The worker ended.',
    cure: 'Start the worker again. If nobody deleted topics on purpose, find out who did.',
    example: 'the manifest in surge-pricing.v1.control is no longer the one that this worker started with',
  },
  {
    code: 'MR5005',
    title: 'An internal topic has unsafe settings',
    story:
      'Changelogs, commit topics and the control topic must be compacted and never expire; repartition topics and dead letters must not expire. Otherwise state would be lost in silence. The worker did not start.',
    cure: 'Change the settings that the message names with kafka-configs --alter, or delete the topics before the first run and let Millrace create them. A number of partitions that differs means that partitions were added to an input: give the topology a new version.',
    example:
      "internal topics do not have the settings that keep state safe: shop.v1.totals.changelog: cleanup.policy is 'delete', must be 'compact'",
  },
  {
    code: 'MR5006',
    title: 'Internal topics are gone',
    story:
      'The manifest says that the application has run, but some of its internal topics no longer exist. An empty one in their place would mean state lost without a word, so nothing was created.',
    cure: 'Restore the topics, or use a new version of the application, which reprocesses the inputs.',
    example: 'surge-pricing v1 has run before, but its internal topics surge-pricing.v1.cell-minute.changelog are gone',
  },
  {
    code: 'MR5007',
    title: 'The group assigned a task that the topology does not have',
    story:
      'The leader of the group runs another topology under the same application and version. The worker ended before it touched state.',
    cure: 'Run one release for each application version; give changed topologies a new version.',
    example: 'the group gave this worker the task cell.3, which its topology does not have',
  },
  {
    code: 'MR5008',
    title: 'A topic is missing',
    story:
      'A topic that the topology reads or writes does not exist. Millrace creates only its internal topics, since partition counts of the others are your decision. Nothing was started.',
    cure: 'Create it, for example with `millrace topics create <module> --external --partitions 4`.',
    example: 'the topic ride-requests of surge-pricing v1 does not exist',
  },
  {
    code: 'MR5009',
    title: 'Inputs that meet have different partition counts',
    story:
      'Records with one key must meet in one task, which needs equal partition counts of the topics that a stateful step reads together. Nothing was started.',
    cure: 'Put a keyBy() before the step (it repartitions), or create the topics with equal counts.',
    example: 'inputs that meet in a stateful step of orders must have the same number of partitions: orders has 4, payments has 6',
  },
  {
    code: 'MR5010',
    title: 'A task was closed while it was being acquired',
    story: 'The group rebalanced or the worker is ending while the task restored. What was restored is kept.',
    cure: 'Nothing: another worker, or this one at the next assignment, goes on.',
    example: 'reading shop.v1.totals.changelog-2 was given up because the task is closing',
  },
  {
    code: 'MR5011',
    title: 'A hanging transaction holds a partition',
    story:
      'A restore or a start reads a partition to a known position, nothing came for restoreStallMs, and the broker says that a transaction is open there: nobody ends it, so nothing behind it may be read. The task stopped before it processed anything.',
    cure: 'Find the transaction with kafka-transactions.sh find-hanging, abort it (kafka-transactions.sh abort), and start the worker again.',
    example:
      'reading shop.v1.totals.changelog-2 made no progress for 60000 ms at position 1200 of 1300: a transaction that nobody ends holds it',
  },
  {
    code: 'MR5050',
    title: 'A broker is away while a task is acquired',
    story:
      'A restore reads a partition to a known position, nothing came for restoreStallMs, and the broker of the partition does not answer, or answers without sending records. The task is tried again, with pauses, until it comes back; what was restored is kept.',
    cure: 'Bring the broker back, or mend the network. Nothing else is needed.',
    example:
      'reading shop.v1.totals.changelog-2 made no progress for 60000 ms at position 1200 of 1300, and its broker is away (no broker answers)',
  },
  {
    code: 'MR5012',
    title: 'A partition cannot be read from the wanted position',
    story:
      'The log begins later or ends earlier than expected: records were deleted, or the topic was truncated or re-created, while the task was acquired. It is acquired again and looks anew.',
    cure: 'Nothing if it does not repeat. Else find out who deletes records of internal topics.',
    example: 'shop.v1.totals.changelog-2 has the range 500 to 900 and cannot be read from 100',
  },
  {
    code: 'MR5013',
    title: 'A restore took too long for tombstones',
    story:
      'A rebuild that runs longer than half of delete.retention.ms may miss a tombstone that was purged meanwhile, and deleted keys would return. It starts again.',
    cure: 'If it repeats, raise delete.retention.ms of the changelog, or use standby or faster disks.',
    example: 'restoring totals of shop.0 took longer than half of delete.retention.ms',
  },
  {
    code: 'MR5014',
    title: 'The changelog has lost its beginning',
    story:
      'The local store must be rebuilt, but the changelog no longer begins where the state began: somebody deleted records. The rest alone would give wrong state, so the task stopped.',
    cure: 'Reprocess: use a new version of the application.',
    example: 'shop.0 must be rebuilt from shop.v1.totals.changelog, but that begins at 400 and its state began at 0',
  },
  {
    code: 'MR5015',
    title: 'A changelog holds state that no commit record explains',
    story:
      'The first commit record of a task is written before its first change of state. The changelog has changes and the commit topic has no record, so nobody knows which input positions the state stands for. The task stopped before it processed anything.',
    cure: 'Restore the commit topic. If the application shall start from the beginning, delete all of its internal topics and its group, not only some of them; or give it a new version.',
    example: 'shop.v1.totals.changelog-3 holds state, but orders.3 has no commit record that says which input positions it stands for',
  },
  {
    code: 'MR5016',
    title: 'A changelog has lost its tail',
    story:
      'The commit record says how far the changelog of each step was written. The changelog ends before that: it was truncated, as by an unclean election of a leader, or somebody deleted it and it was made again. A part of the state is gone; the task stopped before it processed anything, and wrote that down in the commit topic, so that it stops at every later start too, also when the changelog has grown again.',
    cure: 'Set unclean.leader.election.enable to false and min.insync.replicas to 2 for the future. Reprocess the inputs with a new version of the application.',
    example: 'shop.v1.totals.changelog-3 ended at 17, but orders.3 has written it up to 1204',
  },
  {
    code: 'MR5020',
    title: "The group's offsets are newer than the state",
    story:
      'Another owner committed between the fence and the look at the offsets; the task is acquired again. When the same answer comes twice in a row from the unfenced owner, the changelog or commit topic has lost its tail, and the task stops.',
    cure: 'Nothing the first time. If the task stopped: the brokers lost acknowledged records (unclean leader election?). Use a new version of the application to reprocess.',
    example: "cell.2: the group's offsets are newer than the state that the changelog gave",
  },
  {
    code: 'MR5021',
    title: 'A newer epoch was announced',
    story:
      "Somebody reset the application: `millrace reset`, or a worker that found the group's offsets moved back. The announcement stands in the control topic. The task throws away what it has in hand, is acquired again, clears its state and starts anew at the announced positions.",
    cure: 'Nothing. `millrace status` shows the epoch of each task.',
    example: 'cell.2 stands at epoch 1, and epoch 2 was announced: it is acquired again and starts anew',
  },
  {
    code: 'MR5022',
    title: 'Offsets were moved back, but only of a part of the inputs',
    story:
      "The group's committed offsets of some input partitions carry no marker of Millrace and lie behind what the state stands for: a tool moved them, which means: compute again from there. But the state was also made from other partitions whose offsets were not moved. Cleared and computed from the moved ones alone it would lose what came from the others. All inputs of a task count, and with several stages all external inputs of the application. A partition that the tool left where it was, because it is empty or quiet, counts as moved, and so does one with nothing to replay. Nothing was changed.",
    cure: 'Stop the workers and move the others too: kafka-consumer-groups --reset-offsets with --all-topics, or with `millrace reset`, which does it while workers run. To go on as before, delete the offsets of the moved ones (kafka-consumer-groups --delete-offsets); the tasks then go on from their state.',
    example: "surge-pricing.v1, ride-requests:2 (not moved: ride-requests:0): somebody moved the group's offsets back",
  },
  {
    code: 'MR5023',
    title: 'State is lost',
    story:
      'The group has offsets that this application committed, but the commit record that belongs to them is gone. Starting at these offsets would go on with empty state. The task stopped.',
    cure: 'Delete the consumer group to start from the beginning, or restore the internal topics.',
    example: 'cell.2, ride-requests:2: the group has offsets that this application committed, but the state is gone',
  },
  {
    code: 'MR5024',
    title: 'A task that has run has neither state nor offsets',
    story:
      'The control topic knows that this task has run, but its commit record and its offsets are gone. Starting from the beginning would write all outputs again. The task stopped.',
    cure: 'If that is what you want, delete all internal topics of the application, the control topic too; else use a new version.',
    example: 'cell.2, ride-requests:2: this task has run before',
  },
  {
    code: 'MR5025',
    title: 'Offsets were moved forward',
    story: "A tool moved the group's offsets forward. The records in between would never be processed. The task stopped.",
    cure: 'Set onSkip: accept to leave them out (they are logged and counted as left out), or move the offsets back to where they were.',
    example: "cell.2, ride-requests:2: somebody moved the group's offsets forward",
  },
  {
    code: 'MR5026',
    title: 'Records are no longer in the log',
    story: 'Retention deleted records before they were processed. The task stopped rather than leave them out in silence.',
    cure: 'Set onGap: accept-gap to go on behind the gap (it is logged and counted as left out), and raise the retention of the topic.',
    example: 'cell.2, ride-requests:2: the records at the next position are no longer in the log',
  },
  {
    code: 'MR5027',
    title: 'A topic was re-created or truncated',
    story:
      'The last record that was read is another one today, or the log ends before the next position. Offsets of the old topic mean nothing in the new one. The task stopped.',
    cure: 'Use a new version of the application for the new topic.',
    example: 'cell.2, ride-requests:2: the topic is not the one that was read before',
  },
  {
    code: 'MR5031',
    title: 'A record of a newer epoch arrived',
    story:
      'The stage before was reset, and its records carry the new epoch. Before the task takes one of them it throws away what it has in hand, is acquired again, clears its state and goes on in the new epoch.',
    cure: 'Nothing. MR5065 follows if nobody announced that epoch.',
    example: 'cell.2 read a record of epoch 2 from surge-pricing.v1.cell.repartition:2 and stands at epoch 1',
  },
  {
    code: 'MR5032',
    title: 'User code failed in a timer or window',
    story:
      'A function of the topology threw while no record was being processed, so there is no record to set aside. Nothing of the transaction was committed; the task stopped.',
    cure: 'Mend the code and start again: the timer fires then. Nothing is lost.',
    example: "an event-time timer or window of cell.2 failed in user code: Cannot read properties of undefined (reading 'price')",
  },
  {
    code: 'MR5033',
    title: 'Offsets changed during a rebalance',
    story:
      'The task stayed with this worker over a rebalance, but the committed offsets are no longer its own. It is acquired again and looks at them anew.',
    cure: 'Nothing, unless another message follows.',
    example: "cell.2: the group's offsets changed while the group was rebalancing",
  },
  {
    code: 'MR5034',
    title: 'An input ran out of range',
    story:
      'While it was read, the input was truncated or re-created, or its records were deleted. Positions are never reset in silence: the task is acquired again, and the barrier decides what the range means.',
    cure: 'See the message that follows (MR5026 or MR5027).',
    example: 'ride-requests:2 has the range 500 to 900 and cannot be read from 100',
  },
  {
    code: 'MR5035',
    title: 'A result that no single record has led to is too large',
    story:
      'A timer, a window that closed or a table that was flushed gave a result or a change of state that is too large for its topic. Records whose effect is too large go to the dead letters; here there is none. The transaction was thrown away, nothing is lost, and the task stopped.',
    cure: 'Raise max.message.bytes of the topic that the message names, or make the state smaller (a list that grows without end is the usual cause), and start again.',
    example:
      'orders.3: what a timer, a window or a table has led to is too large for its topic: record 0 for shop.v1.totals.changelog:3 has 1100000 bytes',
  },
  {
    code: 'MR5040',
    title: 'A standby copy can no longer follow',
    story:
      'A standby follows the changelogs of a task that another worker owns. What it has applied no longer fits the log: a changelog was truncated or deleted, or the copy was behind for so long that tombstones may be gone. It is looked at again, and made anew where it must be. The owner is not harmed.',
    cure: 'Nothing, if it happens once. If it repeats: look at disk and network of the worker with the copy, or raise delete.retention.ms of the changelog.',
    example: 'the standby copy of cell.0 can no longer follow the changelog of smoothing',
  },
  {
    code: 'MR5041',
    title: 'A standby copy is out of the range of its changelog',
    story:
      'The broker refuses to read the changelog at the place where the copy stands: the changelog was truncated, deleted or made again. The copy is looked at again, and made anew where it must be. The owner is not harmed, but it will say MR5014 or MR5016 if it lost state.',
    cure: 'Find out who deleted or truncated the topic.',
    example: 'the standby copy of cell.0 follows surge.v1.smoothing.changelog:0 at 900, but that has the range 0 to 12',
  },
  {
    code: 'MR5042',
    title: 'A kept store could not be removed',
    story:
      'The local store of a task that another worker owns was too old, or there was too much of them (keptStateAgeMs, keptStateBytesMax). Removing it failed; the worker goes on.',
    cure: 'Look at the rights and the health of the disk of stateDirectory.',
    example: 'the kept store of cell.3 could not be removed: EACCES',
  },
  {
    code: 'MR5043',
    title: 'Internal topics were deleted while the application ran',
    story:
      'A worker found that a control, commit, changelog, repartition or dead-letter topic of its application no longer exists. What it held is lost; an empty one in its place would hide that. The worker stopped and created nothing.',
    cure: 'Restore the topics from a copy of the cluster, or give the application a new version, which reprocesses the inputs. `millrace topics create` is not the cure: it would make empty ones.',
    example: 'internal topics of surge-pricing v1 were deleted while it runs: surge-pricing.v1.control',
  },
  {
    code: 'MR5044',
    title: 'The owner of a task changes again and again',
    story:
      'More than three times within ten minutes another owner has made this one powerless. Results stay right: what was in hand is thrown away each time, and only one owner can commit. But work is done twice, so this worker waits longer each time, up to 10 s, before it takes the task again.',
    cure: 'Look for pauses longer than sessionTimeoutMs (garbage collection, a frozen container, a slow disk), a network that cuts workers off from the group coordinator only, and a second cluster of workers with the same application name, version and brokers. The alert MillraceFencedOften counts the same.',
    example: 'cell.0: its owner changes again and again, 5 times within 10 minutes',
  },
  {
    code: 'MR5051',
    title: 'A changelog was truncated under a running task',
    story:
      'The broker gave a change of state an offset that was given before: the changelog has lost its newest records, or was made again, while the task runs. Nothing of the transaction is committed. The task is acquired again, writes down what it found, and stops with MR5016.',
    cure: 'See MR5016.',
    example:
      'shop.v1.totals.changelog: the broker gave the offset 17 to a change of state of orders.3, which has written the changelog up to 1204 before',
  },
  {
    code: 'MR5065',
    title: 'A record has an epoch that nobody announced',
    story:
      'A repartition record carries an epoch that is newer than the state, and the control topic does not know that epoch. Either another program writes to an internal topic, or the control topic was deleted. Mixing epochs would give wrong results, so the task stopped.',
    cure: 'Find out who writes to the repartition topic. If internal topics were deleted, use a new version of the application.',
    example: 'cell.2 stands at epoch 1 and reads a record of epoch 2, which the control topic does not know',
  },
  {
    code: 'MR5066',
    title: 'A new epoch was announced',
    story:
      "The group's offsets were moved back, and the application has stages that depend on each other. This worker, or another one before it, announced a new epoch to all tasks; they are acquired again and start anew at the moved positions.",
    cure: 'Nothing.',
    example: "rides.2: a new epoch was announced, since somebody moved the group's offsets back",
  },
  {
    code: 'MR5067',
    title: 'No reset while versions are being switched',
    story:
      'A task of this version is halted for a switch of versions, or retired after one. A reset would change what the other version compares itself with. Nothing was changed.',
    cure: 'End the switch first, or reset the version that is live.',
    example: 'surge-pricing.v1 takes part in a switch of versions (rides.0 is halted)',
  },
  {
    code: 'MR5068',
    title: 'There is nothing to reset',
    story: 'The control topic has no manifest: no worker of this application has ever run. Nothing was changed.',
    cure: 'Start a worker. To begin elsewhere than at the earliest record set startAt, or commit offsets before the first run.',
    example: 'surge-pricing.v1 has never run, so there is nothing to reset',
  },
  {
    code: 'MR5036',
    title: 'The end of a batch does not fit',
    story:
      'The positions at which the batch should end are not those of its input partitions, or lie behind the end of the log, or the batch has an end already and another one was given. Nothing was started.',
    cure: 'Give one position for each input partition (--until topic:partition=position,...), as the message lists them; a batch that has begun keeps its end.',
    example: 'the positions at which the batch should end do not fit: orders:1 has none',
  },
  {
    code: 'MR5037',
    title: 'A batch and a stream exclude each other',
    story:
      'A batch closes every window at its end, and behind that every record would be late: its application does not go on as a stream, and one that has run as a stream is not closed by accident. Nothing was started.',
    cure: 'A stream behind a batch: give the topology a new version. A batch beside a stream: give its topology another name; or use --no-close, which stops at the end and leaves windows open.',
    example: 'shop.v1 is a batch that ends at orders:0=120: behind its end every record would be late',
  },
  {
    code: 'MR5038',
    title: 'An ended batch is not reset',
    story:
      'Offsets of a batch were moved, or a reset was asked for, after tasks of it had ended. A task that has ended does not begin again, so the move cannot be honoured; nothing was changed, and it is not passed over in silence.',
    cure: 'Give the topology a new version, which computes everything again from the inputs. To leave the results as they are, delete the moved offsets (kafka-consumer-groups --delete-offsets).',
    example: 'orders.v1 has ended as a batch, and the offsets of orders:0 were moved since',
  },
]
