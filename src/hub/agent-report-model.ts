/** What a tool said about a place in the sources: a failed test, a finding of a linter. */
export interface AnnotationView {
  readonly type: 'GENERIC' | 'TEST_RESULT' | 'LINT_RESULT' | 'ANALYSIS_RESULT';
  readonly level: 'NOTICE' | 'WARNING' | 'FAILURE';
  readonly message: string;
  readonly rawDetails: string;
  readonly fullyQualifiedName: string;
  readonly location: {
    readonly path: string;
    readonly startLine: number;
    readonly endLine: number;
    readonly startColumn: number;
    readonly endColumn: number;
  } | null;
}

/** Something that befell an agent. */
export interface AgentNoteView {
  readonly kind:
    | 'error'
    | 'warning'
    | 'signal'
    | 'stop-hook'
    | 'terminal-attached'
    | 'terminal-started'
    | 'terminal-expiring';
  readonly at: string;
  readonly message: string;
  /** Stack of an error; empty where there is none. */
  readonly detail: string;
}

/** How one cache fared in a task. */
export interface CacheAttemptView {
  readonly key: string;
  readonly outcome: 'hit' | 'miss' | 'error';
  readonly error: string;
  readonly sizeBytes: number;
  /** Of a hit: download and extraction. Of a miss: making, packing and upload. */
  readonly durationsMs: Readonly<Record<string, number>>;
}

/** A series of measurements: seconds since the start of the task, and what was in use then. */
export type Chart = readonly (readonly [seconds: number, value: number])[];

export interface UtilizationView {
  /** CPUs in use. */
  readonly cpu: Chart;
  /** Bytes in use. */
  readonly memory: Chart;
  readonly cpuTotal: number;
  readonly memoryTotalBytes: number;
}

/** Everything that the agent of a task told beside its logs and instructions. */
export interface AgentReportView {
  readonly annotations: readonly AnnotationView[];
  /** True when the agent told more than is kept. */
  readonly annotationsCut: boolean;
  readonly notes: readonly AgentNoteView[];
  readonly cacheAttempts: readonly CacheAttemptView[];
  readonly utilization: UtilizationView | null;
}
