/** A topology that is refused when it is built: a name is used twice. */
import { topology } from 'millrace'
import { clicks, counts } from './count-clicks.ts'

export default topology('two-faults', { version: 1 }, (flow) => {
  flow.stream(clicks).count('all').to(counts)
  flow.stream(clicks).count('all').to(counts)
})
