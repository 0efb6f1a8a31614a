import { memoryLog } from '../../../libs/memory/memory-log.ts'
import { logConformance } from '../../support/log-conformance.ts'

logConformance('memory', async () => {
  const log = memoryLog()
  let names = 0
  return { log, close: () => log.close(), uniqueName: (prefix) => `${prefix}-${++names}` }
})
