import { memoryLog } from '../../../libs/memory/memory-log.ts'
import type { MemoryLogOptions } from '../../../libs/memory/memory-log.ts'
import { logConformance } from '../../support/log-conformance.ts'
import { shuffledSchedule } from '../../support/shuffled-schedule.ts'

const home = (options: MemoryLogOptions) => async () => {
  const log = memoryLog(options)
  let names = 0
  return {
    log,
    close: () => log.close(),
    addPartitions: async (topic: string, count: number) => log.addPartitions(topic, count),
    uniqueName: (prefix: string) => `${prefix}-${++names}`,
  }
}

logConformance('memory', home({}))
logConformance('memory, with requests that overtake each other', home({ schedule: shuffledSchedule(1) }))
