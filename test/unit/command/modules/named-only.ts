/** A topology that is exported by name only: `millrace run` wants the default export. */
import { topology } from 'millrace'
import { clicks, counts } from './count-clicks.ts'

export const countAgain = topology('count-again', { version: 1 }, (flow) => {
  flow.stream(clicks).count('all').to(counts)
})
