/** The first stage of topology.ts alone: no repartition topic, so nothing but its input and its own state. */
import { topology } from 'millrace'
import { chains, linksOf, name } from './topology.ts'

export default topology(name, { version: 1 }, (flow) => {
  linksOf(flow).to(chains)
})
