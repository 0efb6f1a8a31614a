/**
 * Metrics for Prometheus: the definitions of metric-definitions.ts in a prom-client registry, which may be the host's own.
 *
 * One scrape reads the status document once, however many metrics there are, so that the numbers of one scrape agree.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { MetricDefinition } from './metric.ts'
import { commitDuration, metricDefinitions } from './metric-definitions.ts'
import type { StatusView } from './status-view.ts'

export interface MetricsOptions {
  /** Read once for each scrape. */
  readonly status: () => StatusView | Promise<StatusView>
  /** The host's registry; default a new one. */
  readonly registry?: Registry | undefined
  /** Adds prom-client's own metrics of process and Node (memory, processor time, handles). Default: only with our own registry. */
  readonly processMetrics?: boolean | undefined
}

export interface CommitObservation {
  readonly subTopology: string
  readonly durationMs: number
}

export class Metrics {
  readonly registry: Registry
  readonly #status: MetricsOptions['status']
  readonly #commits: Histogram
  #reading: Promise<StatusView> | undefined

  constructor(options: MetricsOptions) {
    this.registry = options.registry ?? new Registry()
    this.#status = options.status
    for (const definition of metricDefinitions) this.#register(definition)
    this.#commits = new Histogram({
      name: commitDuration.name,
      help: commitDuration.help,
      labelNames: [...commitDuration.labels],
      buckets: [...commitDuration.buckets],
      registers: [this.registry],
    })
    if (options.processMetrics ?? options.registry === undefined) collectDefaultMetrics({ register: this.registry })
  }

  observeCommit(commit: CommitObservation): void {
    this.#commits.observe({ subtopology: commit.subTopology }, commit.durationMs / 1000)
  }

  get contentType(): string {
    return this.registry.contentType
  }

  /** The text that Prometheus reads. */
  text(): Promise<string> {
    return this.registry.metrics()
  }

  #register(definition: MetricDefinition): void {
    const common = { name: definition.name, help: definition.help, labelNames: [...definition.labels], registers: [this.registry] }
    if (definition.type === 'gauge') {
      const gauge: Gauge = new Gauge({
        ...common,
        collect: () => this.#fill(definition, gauge, (labels, value) => gauge.set(labels, value)),
      })
    } else {
      // A counter is set to the document's value: it counts there.
      const counter: Counter = new Counter({
        ...common,
        collect: () => this.#fill(definition, counter, (labels, value) => counter.inc(labels, value)),
      })
    }
  }

  async #fill(
    definition: MetricDefinition,
    metric: { reset(): void },
    set: (labels: Record<string, string | number>, value: number) => void,
  ): Promise<void> {
    const samples = definition.read(await this.#read())
    metric.reset()
    for (const sample of samples) set({ ...sample.labels }, sample.value)
  }

  /** All metrics of one scrape ask in the same turn of the event loop, and share the answer. */
  #read(): Promise<StatusView> {
    if (this.#reading === undefined) {
      this.#reading = Promise.resolve(this.#status())
      const forget = (): void => void setImmediate(() => (this.#reading = undefined))
      this.#reading.then(forget, forget)
    }
    return this.#reading
  }
}
