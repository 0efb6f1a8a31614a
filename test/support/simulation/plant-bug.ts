/** For `node --import`: plants the bug that SIMULATION_BUG names into the sources while they are loaded. */
import { registerHooks } from 'node:module'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bugNamed, planted } from './planted-bugs.ts'

const root = resolve(import.meta.dirname, '../../..')
const bug = bugNamed(process.env['SIMULATION_BUG'] ?? '')
const waiting = new Set(bug.edits.map(({ file }) => file))

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.startsWith('file:')) return loaded
    const file = relative(root, fileURLToPath(url))
    if (!bug.edits.some((edit) => edit.file === file)) return loaded
    const source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString('utf8')
    waiting.delete(file)
    return { ...loaded, source: planted(bug, file, source) }
  },
})

// A bug in a file that nobody loads would never be found.
process.once('message', () => {
  if (waiting.size > 0) throw new Error(`"${bug.name}" was not planted: nobody loads ${[...waiting].join(', ')}`)
})
