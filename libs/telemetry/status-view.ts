/**
 * What telemetry reads of a worker's status document. The document itself is libs/runtime/worker/status.ts; this leaf declares only
 * the parts it uses, so that it depends on nothing (the compiler checks at the call that the document has them).
 */
export interface InputView {
  readonly topic: string
  readonly partition: number
  readonly lagRecords: number | null
  readonly lagSeconds: number | null
  readonly watermark: number | null
  readonly bufferedRecords: number
  readonly bufferedBytes: number
  readonly paused: boolean
  readonly holdsBack: boolean
}

export interface RestoreView {
  readonly step: string
  readonly remaining: number
  readonly bytesRead: number
  readonly etaSeconds: number | null
}

export interface StepView {
  readonly step: string
  readonly records: number
  readonly results: number
  readonly late: number
}

export interface TaskView {
  readonly name: string
  readonly state: string
  readonly epoch: number
  readonly inputs: readonly InputView[]
  readonly watermark: number | null
  readonly watermarkDelaySeconds: number | null
  readonly restore: readonly RestoreView[]
  readonly commits: { readonly count: number; readonly lastAt: number | null }
  readonly aborts: number
  readonly fenced: number
  readonly processed: number
  readonly filtered: number
  readonly late: number
  readonly refused: number
  readonly deadLetters: number
  readonly dropped: number
  readonly shed: number
  readonly leftOut: number
  readonly resets: number
  readonly effects: {
    readonly made: number
    readonly failed: number
    readonly inShadow: number
    readonly repeated: number
    readonly waiting: number
  }
  readonly replayRemaining: number | null
  readonly steps: readonly StepView[]
  readonly stores: { readonly sizeBytes: number; readonly cacheHits: number; readonly cacheMisses: number; readonly syncReads: number }
  readonly fault?: { readonly code: string; readonly message: string } | undefined
}

export interface StandbyView {
  readonly task: string
  readonly state: string
  readonly lagRecords: number | null
  readonly sizeBytes: number
}

export interface StatusView {
  readonly at: number
  readonly application: string
  readonly applicationVersion: number
  readonly role: string | null
  readonly worker: {
    readonly id: string
    readonly state: string
    readonly startedAt: number
    readonly nodeVersion: string
    readonly millraceVersion: string
    readonly lastTurnAt: number
  }
  readonly tasks: readonly TaskView[]
  readonly standbys?: readonly StandbyView[]
  readonly kept?: { readonly stores: number; readonly bytes: number; readonly removed: number }
  readonly eventLoopDelay: { readonly meanMs: number; readonly p99Ms: number; readonly maxMs: number }
  readonly busySeconds?: number
  readonly memory?: {
    readonly budgetBytes: number
    readonly residentBytes: number
    readonly heapGrowthPercent: number
    readonly memoryShare: number
  }
  readonly doNotScale: boolean
  readonly fault?: { readonly code: string; readonly message: string } | undefined
}
