/** Runs `millrace` as a terminal would, with a world of the test's own. */
import { tmpdir } from 'node:os'
import { main } from '../../../libs/command/main.ts'
import type { ExitCode } from '../../../libs/command/exit-codes.ts'
import { realWorld, type World } from '../../../libs/command/world.ts'

export interface Said {
  readonly code: ExitCode
  readonly out: string
  readonly err: string
}

export interface TerminalOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Default: a directory without a configuration file. */
  readonly directory?: string
  /** Default: one in which every use of the world fails. */
  readonly world?: World | 'real'
  /** What a person at the terminal answers to every question; default: nobody is there. */
  readonly answer?: string
}

const forbidden = (): never => {
  throw new Error('this test has no world')
}
const noWorld: World = {
  clock: realWorld.clock,
  openLog: forbidden,
  openStores: forbidden,
  onSignal: forbidden,
  residentBytes: forbidden,
  setHeapFlag: forbidden,
  exit: forbidden,
}

export async function millrace(words: readonly string[], options: TerminalOptions = {}): Promise<Said> {
  return await start(words, options).ended
}

/** A command that goes on; `out` grows while it runs. */
export interface Running {
  readonly ended: Promise<Said>
  readonly out: readonly string[]
}

export function start(words: readonly string[], options: TerminalOptions = {}): Running {
  const out: string[] = []
  const err: string[] = []
  const io = {
    out: (line: string): void => void out.push(line),
    err: (line: string): void => void err.push(line),
    ask: async (question: string): Promise<string> => {
      out.push(question)
      return options.answer ?? ''
    },
    isTerminal: options.answer !== undefined,
    environment: options.environment ?? {},
    directory: options.directory ?? tmpdir(),
  }
  const world = options.world === 'real' ? realWorld : (options.world ?? noWorld)
  const ended = main(words, io, world).then((code) => ({ code, out: out.join('\n'), err: err.join('\n') }))
  return { ended, out }
}
