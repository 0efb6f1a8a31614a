import { describe, expect, it } from '@jest/globals'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const launcher = join(import.meta.dirname, '../../../libs/command/millrace.mjs')

/** The Node that a shell would find, which may be older than the one that runs the tests. */
const SHELL_NODE = spawnSync('sh', ['-c', 'PATH=$(echo "$PATH" | tr ":" "\\n" | grep -v node_modules | paste -sd:); command -v node'], {
  encoding: 'utf8',
}).stdout.trim()

const millrace = (words: readonly string[], node = SHELL_NODE): ReturnType<typeof spawnSync> =>
  spawnSync(node === '' ? process.execPath : node, [launcher, ...words], { encoding: 'utf8', cwd: tmpdir() })

describe('the launcher', () => {
  it('runs TypeScript whatever Node the shell has', () => {
    const { stdout, status } = millrace(['version', '--json'])
    expect(status).toBe(0)
    expect(Number(JSON.parse(String(stdout)).node.split('.')[0])).toBeGreaterThanOrEqual(24)
  })

  it('passes the exit code on', () => {
    expect(millrace(['statsu']).status).toBe(2)
    expect(millrace(['explain', 'MR9999']).status).toBe(1)
  })

  it('writes everything into a pipe whose reader takes its time', async () => {
    const whole = String(millrace(['explain', '--markdown']).stdout)
    const child = spawn('sh', ['-c', `"$0" "$1" explain --markdown | (sleep 1; cat)`, process.execPath, launcher])
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    await once(child, 'close')
    // More than a pipe holds.
    expect(whole.length).toBeGreaterThan(65_536)
    expect(Buffer.concat(parts).toString()).toBe(whole)
  }, 30_000)

  it('keeps for the next start what Node makes of our TypeScript, and starts all the same where it cannot', () => {
    const home = mkdtempSync(join(tmpdir(), 'millrace-'))
    const start = (cache: string): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [launcher, 'version'], {
        encoding: 'utf8',
        cwd: tmpdir(),
        env: { ...process.env, XDG_CACHE_HOME: cache },
      })
    expect(start(home).status).toBe(0)
    expect(readdirSync(join(home, 'millrace'), { recursive: true }).length).toBeGreaterThan(5)
    const file = join(home, 'file')
    writeFileSync(file, '')
    expect(start(file)).toMatchObject({ status: 0, stderr: '' })
  })

  it('loads neither Kafka nor RocksDB to explain an error', () => {
    const log = spawnSync(process.execPath, ['--input-type=module', '-e', probe], { encoding: 'utf8' })
    expect(log.stdout.trim()).toBe('[]')
  })

  it('says what a Node is needed when the one named in MILLRACE_NODE cannot start', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-'))
    const old = join(directory, 'old.mjs')
    // Plays an old Node: the launcher reads the version of its process.
    writeFileSync(
      old,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.0.0' } }); await import(${JSON.stringify(launcher)})`,
    )
    const child = spawn(process.execPath, [old], { env: { ...process.env, MILLRACE_NODE: '/nowhere/node' } })
    let said = ''
    child.stderr.on('data', (part: Buffer) => (said += part.toString()))
    const [code] = await once(child, 'exit')
    expect(code).toBe(2)
    expect(said).toContain('MR2011 cannot start /nowhere/node')
  })
})

const probe = `
  const { registerHooks } = await import('node:module')
  const loaded = []
  registerHooks({ load: (url, context, next) => { if (/kafkajs|rocksdb|prom-client|libs\\/kafka/.test(url)) loaded.push(url); return next(url, context) } })
  const { main } = await import(${JSON.stringify(join(import.meta.dirname, '../../../libs/command/main.ts'))})
  await main(['explain', 'MR2002'], { out: () => {}, err: () => {}, isTerminal: false, environment: {}, directory: '/' })
  console.log(JSON.stringify(loaded))
`
