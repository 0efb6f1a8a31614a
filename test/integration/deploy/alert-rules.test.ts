/** The alerts by Prometheus' own checker: the files are well formed, and each alert speaks and keeps silent when it should (rules.test.yml). */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { repositoryRoot } from '../../support/architecture/source-file.ts'

const folder = join(repositoryRoot, 'deploy/prometheus')
const promtool = findPromtool()

/** On the PATH, or taken out of Debian's package without installing it. Undefined where there is neither. */
function findPromtool(): string | undefined {
  const kept = join(repositoryRoot, '.millrace/tools/promtool')
  if (existsSync(kept)) return kept
  if (answers('promtool', ['--version'])) return 'promtool'
  if (!answers('apt-get', ['--version']) || !answers('dpkg', ['--version'])) return undefined
  const fresh = mkdtempSync(join(tmpdir(), 'millrace-promtool-'))
  try {
    const download = (): boolean => answers('apt-get', ['download', '-qq', 'prometheus'], fresh)
    // A fresh machine has no package lists yet.
    if (!download() && !(answers('apt-get', ['update', '-qq']) && download())) return undefined
    const [archive = ''] = readdirSync(fresh)
    execFileSync('dpkg', ['-x', archive, 'out'], { cwd: fresh })
    mkdirSync(join(repositoryRoot, '.millrace/tools'), { recursive: true })
    copyFileSync(join(fresh, 'out/usr/bin/promtool'), `${kept}.${process.pid}`)
    renameSync(`${kept}.${process.pid}`, kept)
    return kept
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function answers(program: string, words: readonly string[], cwd = repositoryRoot): boolean {
  try {
    execFileSync(program, words, { cwd, stdio: 'ignore', timeout: 120_000 })
    return true
  } catch {
    // Not there, or not possible here: the caller goes the next way.
    return false
  }
}

function check(...words: string[]): string {
  return execFileSync(promtool ?? '', words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

if (promtool === undefined)
  process.stderr.write('no promtool and no Debian package of it here: the alerts are not checked by Prometheus itself\n')

describe('the alerts', () => {
  it('are in the repository', () => {
    expect(existsSync(join(folder, 'rules.yml'))).toBe(true)
  })
})

const describeWithPromtool = promtool === undefined ? undefined : describe

describeWithPromtool?.('the alerts, by promtool', () => {
  it('are rules that Prometheus takes', () => {
    expect(check('check', 'rules', 'rules.yml')).toContain('SUCCESS')
  })

  it('speak when they should and keep silent when they should', () => {
    expect(check('test', 'rules', 'rules.test.yml')).toContain('SUCCESS')
  })

  it('come with a configuration that Prometheus takes', () => {
    const beside = mkdtempSync(join(tmpdir(), 'millrace-prometheus-'))
    try {
      copyFileSync(join(folder, 'rules.yml'), join(beside, 'rules.yml'))
      writeFileSync(
        join(beside, 'prometheus.yml'),
        readFileSync(join(folder, 'prometheus.yml'), 'utf8').replace('/etc/prometheus/rules.yml', 'rules.yml'),
      )
      expect(check('check', 'config', join(beside, 'prometheus.yml'))).toContain('SUCCESS')
    } finally {
      rmSync(beside, { recursive: true, force: true })
    }
  })
})
