/** Codes of versions side by side: replay, switch, verification. */
import type { FaultEntry } from './fault.ts'

export const switchCodes: readonly FaultEntry[] = [
  {
    code: 'MR2069',
    title: 'A version that nobody knows',
    story: 'The control topic of the application has no record of this version: none of its workers has ever started. Nothing was changed.',
    cure: 'Give the module of that version to the command, or start one of its workers first. `millrace replay status` lists the versions.',
    example: 'surge-pricing has no version 3: known are v1, v2',
  },
  {
    code: 'MR2150',
    title: 'A batch of a version that is not live',
    story:
      'Another version of the application is live. One beside it waits for its replay and reads no further than the live one, so a batch of it would never begin or end. Nothing was started.',
    cure: 'Give the topology of the batch a name of its own: then it is the first version of another application.',
    example: 'v2 of flight-delays is not live, v1 is: beside it a batch would never begin',
  },
  {
    code: 'MR2061',
    title: 'The version is live already',
    story: 'A replay, a promotion and a drop are about versions that are not live. Nothing was changed.',
    cure: 'Give the changed topology a higher version. If a promotion was given twice, the first one has done it.',
    example: 'v2 of surge-pricing is the live version already; nothing was changed',
  },
  {
    code: 'MR2062',
    title: 'The version is not in shadow',
    story: 'Only a version that runs in shadow beside the live one can be promoted, verified or given up. Nothing was changed.',
    cure: 'Start its replay: `millrace replay start <module>`.',
    example: 'v2 of surge-pricing is not in shadow, it is waiting',
  },
  {
    code: 'MR2063',
    title: 'The shadow is too far behind',
    story:
      'A switch halts the outputs until the new version has caught up. It is opened only when its lag is below --max-lag, and that did not come about in the time that the command waits. Nothing was changed.',
    cure: 'Wait, give the new version more workers, raise --max-lag, or, when the live version is wrong, stop it at once with --now.',
    example: 'v2 of surge-pricing is 812,331 records behind v1 after 3,600 s, more than --max-lag 1,000',
  },
  {
    code: 'MR2064',
    title: 'The switch was abandoned',
    story:
      'Not all tasks of both versions halted in the time that the outputs may stand still, or something failed meanwhile. The decision is in the control topic: the live version goes on where it stood, nothing is lost or doubled.',
    cure: 'Look at the workers that the message names and give the command again. When the live version is down or stuck: --fence.',
    example: 'v2 of surge-pricing did not halt within 30000 ms: cell.3 did not. The switch was abandoned and v1 goes on as before',
  },
  {
    code: 'MR2065',
    title: 'The shadow has read more than the live version',
    story:
      'The offsets of the live version were moved back (a reset) while the shadow ran, so that the shadow stands at a later position. They can never stand at the same place; the switch was abandoned.',
    cure: 'Give the shadow up, drop it and start its replay again.',
    example: 'v2 of shop has read orders:0 up to 900, and the live version stands at 100',
  },
  {
    code: 'MR2066',
    title: 'The version cannot be dropped',
    story: 'It is live, in shadow, or still has workers. Nothing was deleted.',
    cure: 'Give a replay up first (`millrace replay abandon`), and stop the workers of the version.',
    example: 'v2 of shop still has 3 workers in its group shop.v2: stop them first; nothing was deleted',
  },
  {
    code: 'MR2068',
    title: 'The place of the live version cannot be taken',
    story:
      'A fenced switch needs to know where every task of the live version stands, and this one has never committed; or updates of a table, or records of an older release, are on their way between its stages to results that are no table: nobody can tell which results they stand for. The switch was abandoned.',
    cure: 'Start a worker of the live version until it has finished, or promote without --fence.',
    example: 'orders.3 of the live version has never committed',
  },
  {
    code: 'MR2140',
    title: 'The live version has not followed the flip that made it live',
    story:
      'A fenced switch was wanted from a version that became live a moment ago, and some of its tasks have not published yet what was handed over to them. Nobody else can do it later, so the switch was abandoned.',
    cure: 'Let a worker of the live version run until its tasks are live (millrace replay status), and promote again.',
    example: 'v2 of shop has become live, and page.0 did not follow yet',
  },
  {
    code: 'MR2072',
    title: 'Too many rows of tables would be published',
    story:
      'At a switch the rows in which the tables of the new version differ from what readers see are published, deletions included. There are more than --max-differences. Nothing was published; a switch that was open was abandoned.',
    cure: 'Look at the differences (`millrace replay verify`). If they are meant, raise --max-differences.',
    example: 'the tables of v2 of shop differ from what readers see in 812331 rows, more than --max-differences 100000',
  },
  {
    code: 'MR5080',
    title: 'A task and the control topic contradict each other',
    story:
      'The commit record of the task says that it runs as live, or in shadow, and <app>.control says otherwise without a switch between. Going on could double or lose results. Nothing was changed.',
    cure: 'Somebody deleted or wrote <app>.control. Restore it, or start a new version that reprocesses the inputs.',
    example: 'cell.0: it runs as live, and version 1 is waiting: surge-pricing.control was changed by hand or deleted',
  },
  {
    code: 'MR5081',
    title: 'The shared control topic could not be written',
    story: 'Every writer makes the others powerless first; others kept coming, or the broker is away. Nothing was decided.',
    cure: 'Give the command again. Do not run several at once.',
    example: 'surge-pricing.control could not be written in 20 tries',
  },
  {
    code: 'MR5082',
    title: 'The shared control topic cannot be read',
    story: 'A task must know what its version is before it works. It is tried again, with a growing pause.',
    cure: 'Nothing, as a rule: the open transaction of a command that died ends by itself. Else see kafka-transactions.sh find-hanging.',
    example: 'surge-pricing.control cannot be read beyond 12 of 13',
  },
  {
    code: 'MR5083',
    title: 'Halted workers ended a switch by themselves',
    story:
      'A switch was not decided in the time that its record allows, and the command that opened it has not ended it: it died. The workers wrote the decision: abandoned. The live version goes on where it stood.',
    cure: 'Give the command again.',
    example: 'the switch 14 is abandoned: it was not decided within 30000 ms, and the command that opened it has not ended it',
  },
  {
    code: 'MR5084',
    title: 'A reset waits for an open switch',
    story:
      'Offsets were moved back while a switch between two versions is open. Both versions must stand at one place, so nothing is reset before the switch is decided; the task is acquired again until then.',
    cure: 'Nothing: the switch ends by itself. A shadow that has read beyond the new offsets must be dropped and started again (MR2065).',
    example: "page.0: somebody moved the group's offsets back, and the switch 14 from v1 to v2 is open",
  },
  {
    code: 'MR2120',
    title: 'Nothing to check',
    story: '`millrace replay check` reads the retained input of the topology, and an input topic is not there. Nothing was changed.',
    cure: 'Create the topic, or correct its name in the topology; check the cluster in the settings.',
    example: 'the input topic ride-requests is not there: there is nothing to check; nothing was changed',
  },
  {
    code: 'MR2121',
    title: 'The check could not run the topology',
    story:
      '`millrace replay check` runs the topology in memory. It failed there, or waited too long for something outside, such as a schema registry. Nothing was changed.',
    cure: 'The message says what failed. Run the topology in a test with `millrace/testing`, and look at the connection to the schema registry.',
    example: 'the check could not run the topology: sink is not defined',
  },
  {
    code: 'MR2122',
    title: 'The check was ended',
    story: 'A signal has ended `millrace replay check` before all its runs were done. Nothing was changed.',
    cure: 'Give the command again; `--records` makes it shorter.',
    example: 'the check was ended before it was done; nothing was changed',
  },
]
