/**
 * Completes package-lock.json with the optional platform packages that npm left out.
 *
 * Owns one defect of npm: an optional package that the registry in use does not serve (a mirror with Linux binaries only) is left
 * out of the lock, and `npm ci` then refuses that lock everywhere ("Missing: ... from lock file"). Each one that is missing gets an
 * entry with its exact version, platform and `optional: true`; npm skips it on every other platform without asking the registry.
 * The entries have no `integrity`: nobody here could read it. Run after `npm install`: `npx node deploy/scripts/complete-lock.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs'

export interface LockEntry {
  readonly version?: string
  readonly optional?: boolean
  readonly dev?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export type LockEntries = Readonly<Record<string, LockEntry>>

export interface MissingEntry {
  /** Key in `packages`, such as `node_modules/@swc/core-darwin-arm64`. */
  readonly path: string
  readonly entry: LockEntry
}

/** What `optionalDependencies` in the lock name with an exact version and the lock does not hold, at the top level or nested. */
export function missingFromLock(packages: LockEntries): readonly MissingEntry[] {
  const missing: MissingEntry[] = []
  for (const [owner, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (packages[`${owner}/node_modules/${name}`] !== undefined || packages[`node_modules/${name}`] !== undefined) continue
      missing.push({
        path: `node_modules/${name}`,
        entry: { version, ...(entry.dev ? { dev: true } : {}), optional: true, ...platformOf(name) },
      })
    }
  }
  return missing
}

/** Operating system, processor and C library as the names of platform packages spell them: `core-linux-arm64-musl`. */
function platformOf(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> {
  const match =
    /(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|ia32|loong64|ppc64|riscv64|s390x|x64)(?:-(gnu|musl|msvc|eabi)[a-z]*)?$/u.exec(
      name,
    )
  if (match === null) throw new Error(`${name} does not name its platform: add its entry to package-lock.json by hand`)
  const [, os, cpu, abi] = match
  const libc = os === 'linux' && abi === 'gnu' ? 'glibc' : os === 'linux' && abi === 'musl' ? 'musl' : undefined
  return { ...(os ? { os: [os] } : {}), ...(cpu ? { cpu: [cpu] } : {}), ...(libc ? { libc: [libc] } : {}) }
}

if (import.meta.main) {
  const file = 'package-lock.json'
  // npm's own file; what is read of it is LockEntry.
  const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockEntry> }
  const missing = missingFromLock(lock.packages)
  if (missing.length > 0) {
    const entries = [...Object.entries(lock.packages), ...missing.map(({ path, entry }): [string, LockEntry] => [path, entry])]
    lock.packages = Object.fromEntries(entries.toSorted(([left], [right]) => left.localeCompare(right, 'en')))
    writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
    process.stdout.write(`package-lock.json: ${missing.length} platform packages added\n`)
  }
}
