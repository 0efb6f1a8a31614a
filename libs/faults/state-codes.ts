/** Codes of local state: the stores on disk, and what is read from and written to them. */
import type { FaultEntry } from './fault.ts'

export const stateCodes: readonly FaultEntry[] = [
  {
    code: 'MR4050',
    title: 'A stored value is of a newer release',
    story:
      'A release with a higher version of this state has written the value, and this one cannot read it. As a rule an old worker still runs beside new ones, or a release was rolled back. The task stopped before anything was computed from it.',
    cure: 'Start the newer release again, everywhere. To go back for good, give the old code a new version of the application: it builds its own state from the log.',
    example:
      'the stored value of totals of count-by-cell at key "8828308281fffff": it has version 3, and this release knows versions up to 2',
  },
  {
    code: 'MR4051',
    title: 'An upgrade of state failed',
    story:
      'The function that makes an older stored value into the new shape threw, or answered by a promise. Nothing of the transaction was committed.',
    cure: 'Mend the function; it gets the old value and its version, and must be synchronous and pure.',
    example:
      'the stored value of totals of count-by-cell at key "a": upgrade from version 1 to 2 failed: Cannot read properties of undefined (reading \'sum\')',
  },
  {
    code: 'MR4001',
    title: 'The state directory cannot be used',
    story:
      'The directory for local state does not exist and cannot be created, cannot be written, or is not a directory. The worker did not start; nothing was touched.',
    cure: 'Give the user that runs the worker the right to write there (in a container: mount a volume, check its owner), or set stateDirectory to another directory.',
    example: "the state directory /var/lib/millrace cannot be used: EACCES: permission denied, mkdir '/var/lib/millrace'",
  },
  {
    code: 'MR4002',
    title: 'A local store is in use',
    story:
      'Another process, or another worker of this process, has the local store of the task open. Each store has one user. The task is tried again, with pauses, until the store is free.',
    cure: 'Usually nothing: the former owner is just closing it. If it stays, two processes share one state directory: give each its own (stateDirectory).',
    example: 'the local store of cell.2 in /var/lib/millrace is in use by another process',
  },
  {
    code: 'MR4003',
    title: 'A local store is damaged',
    story:
      'The files of a local store are incomplete or fail their checksums: a disk error, a full disk at the wrong moment, or somebody deleted files. Nothing is lost: the store is wiped and rebuilt from the changelog.',
    cure: 'Nothing once. If it repeats, check the disk (dmesg, SMART) and that nobody cleans up in the state directory.',
    example: 'the local store of cell.2 is damaged and is rebuilt from the changelog: Corruption: CURRENT file does not end with newline',
  },
  {
    code: 'MR4004',
    title: 'A read of local state failed',
    story:
      'Reading from the local store failed, most often because a block on disk does not match its checksum. The task closed before anything wrong was committed; if the files are damaged, the store is wiped and rebuilt from the changelog.',
    cure: 'Nothing once. If it repeats, check the disk.',
    example: 'reading the local store of cell.2 failed: Corruption: block checksum mismatch in 000123.sst',
  },
  {
    code: 'MR4005',
    title: 'A write of local state failed',
    story:
      'A transaction was committed in Kafka, but writing its changes to the local store failed, for example because the disk is full. The task closed at once and is acquired again: what the store lacks is read from the changelog. Nothing is lost or counted twice.',
    cure: 'Make room on the disk of the state directory, or mend the disk.',
    example: 'writing the local store of cell.2 failed: IO error: No space left on device',
  },
  {
    code: 'MR4006',
    title: 'A local store cannot be opened now',
    story:
      'Opening the local store failed for a reason outside of its files: no space left, too many open files, no answer from the disk. The files were left as they are and the task is tried again, with pauses.',
    cure: 'Do what the message says: make room, raise the limit of open files (ulimit -n), mend the disk.',
    example: 'the local store of cell.2 cannot be opened: IO error: No space left on device',
  },
  {
    code: 'MR4030',
    title: 'A local store fails again and again',
    story:
      'Opening, reading or writing the local store of the task has failed 8 times within 5 minutes, as on a full or broken disk. The worker tells the group that its disk is not well: its tasks go to other workers, and it gets none for 10 minutes (longer each time). Where all workers are unwell, or there is only this one, the task stays and is tried again every minute. It goes on by itself when there is room again. Nothing is lost or counted twice: without its local state a task commits nothing.',
    cure: 'Make room on the disk of the state directory, or mend the disk. The message ends with what the disk said. millrace_task_fault{code="MR4030"} is 1 while the task waits.',
    example:
      'the local store of cell.2 keeps failing (8 times within 5 minutes): writing the local store of cell.2 in /var/lib/millrace failed: IO error: No space left on device',
  },
  {
    code: 'MR4007',
    title: 'A local store has another layout',
    story:
      'The local store was written by a release of Millrace that lays its bytes out in another way. It is wiped and rebuilt from the changelog, whose format has not changed.',
    cure: 'Nothing. The first start after such a release takes as long as a full restore.',
    example: 'the local store has layout 1, this release reads 2',
  },
  {
    code: 'MR4008',
    title: 'There is no such local store',
    story: 'The state directory has no store of that task, or the store has no such step or cell.',
    cure: 'Check the directory and the name; `millrace state` lists what there is. Another worker may hold the task.',
    example: 'there is no store of cell.7 in /var/lib/millrace; there are cell.0, cell.1',
  },
  {
    code: 'MR4009',
    title: 'A stored value cannot be decoded',
    story:
      'The bytes of a value in the state do not fit what the topology reads: a release changed the type of its state, or the format. The task stopped before anything wrong was computed from it.',
    cure: 'Start the release that wrote the state, or give the changed topology a new version, so that it builds its own state from the log.',
    example: 'the stored value of totals of count-by-cell at key "8828308281fffff" cannot be decoded: Unexpected token',
  },
  {
    code: 'MR4010',
    title: 'A value cannot be encoded',
    story:
      'User code has put a value into the state that its format cannot write (a circular object, a BigInt in JSON). Nothing of the transaction was committed.',
    cure: 'Mend the code that sets the value; the message names cell, step and key.',
    example: 'the value of totals of count-by-cell at key "8828308281fffff" cannot be encoded: Do not know how to serialize a BigInt',
  },
  {
    code: 'MR4011',
    title: 'A record does not belong into a changelog',
    story:
      'A changelog topic holds a record that this release did not write: no key, or a key of an unknown kind. Restoring over it could give wrong state, so the task stopped.',
    cure: 'Find who writes to the topic, and forbid it by ACL. To go on, use a new version of the application, which has its own topics.',
    example: 'a record of the changelog has a key of the unknown kind 123',
  },
]
