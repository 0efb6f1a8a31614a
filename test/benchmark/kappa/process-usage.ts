/** Memory and processor time of other processes and of the machine, as the system counts them. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

export interface ProcessUsage {
  /** Largest so far on Linux, else the present one. */
  readonly rssPeakBytes: number
  readonly rssBytes: number
  /** User and system, all threads, since the start. Undefined: not told. */
  readonly cpuSeconds: number | undefined
}

const ticksPerSecond = 100
const kibibyte = 1_024
/** Fields of /proc/<pid>/stat, counted from the one after the program's name in brackets. */
const userTicksField = 11
const systemTicksField = 12

export function usageOf(pid: number): ProcessUsage | undefined {
  try {
    return process.platform === 'linux' ? fromProc(pid) : fromPs(pid)
  } catch {
    // The one reason that both have to fail: there is no such process any more.
    return undefined
  }
}

export interface MachineUsage {
  /** All processors, seconds not idle. */
  readonly busySeconds: number
  /** All processors, seconds that they could have worked. */
  readonly allSeconds: number
}

export function machineUsage(): MachineUsage {
  let all = 0
  let idle = 0
  for (const { times } of cpus()) {
    all += times.user + times.nice + times.sys + times.irq + times.idle
    idle += times.idle
  }
  return { busySeconds: (all - idle) / 1_000, allSeconds: all / 1_000 }
}

function fromProc(pid: number): ProcessUsage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'mu').exec(status)?.[1] ?? 0) * kibibyte
  return {
    rssPeakBytes: bytes('VmHWM'),
    rssBytes: bytes('VmRSS'),
    cpuSeconds: (Number(fields[userTicksField]) + Number(fields[systemTicksField])) / ticksPerSecond,
  }
}

function fromPs(pid: number): ProcessUsage {
  const rssBytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * kibibyte
  return { rssPeakBytes: rssBytes, rssBytes, cpuSeconds: undefined }
}
