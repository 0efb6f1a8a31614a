/** The role of a version in words, at the start of its workers. */
import type { Note } from '../note.ts'
import type { VersionSwitch } from './version-switch.ts'

/** A worker that does nothing must say why. */
export function sayRole(note: Note, application: string, version: number, { role, shared }: VersionSwitch): void {
  if (role === 'live') return
  const live = `v${shared.live} of ${application} is live`
  const stories = {
    waiting: `v${version} does nothing before its replay is started: millrace replay start <module>`,
    shadow: `v${version} runs in shadow: its results go to topics of its own`,
    retired: `v${version} is retired and does nothing; millrace replay rollback takes it back, millrace replay drop deletes it`,
    'given-up': `the replay of v${version} was abandoned; millrace replay start begins again, millrace replay drop deletes it`,
  }
  note('info', `${live}; ${stories[role]}`, { role })
}
