import type { Amounts } from '../../lib/amounts.ts';

/** Attributes of metrics and spans: names and values. */
export type Attributes = Readonly<Record<string, string | number>>;

/** W3C trace context, as it stands on the wire and in the environment. Both are empty where there is none. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate: string;
}

/** The span of one task. */
export interface TaskSpan {
  /** What the agent gets as its parent. */
  readonly context: TraceContext;
  /** Attributes that are known only later, such as those of the instance. */
  set(attributes: Attributes): void;
  /** Ends it; with `problem` when the run failed. */
  end(problem?: string): void;
}

/** What gauges show, read anew for each collection. */
export interface Gauges {
  readonly runningTasks: number;
  readonly resourcesUsed: Amounts;
  readonly resourcesUnused: Amounts;
}

/** Metrics and traces of a worker, with the names of the specification of the worker, section 11. */
export interface Telemetry {
  /** Says where gauges get their numbers. Call it once. */
  observe(read: () => Gauges): void;
  /** A task came, whether or not an instance can be made for it. */
  taskCounted(): void;
  /** An instance exists for a task. */
  instanceUsed(instance: Attributes): void;
  standbyHit(standby: Attributes): void;
  standbyMissed(standby: Attributes): void;
  startTask(parent: TraceContext, attributes: Attributes): TaskSpan;
  /** Sends what was measured and stops; bounded in time. */
  stop(): Promise<void>;
}

/** For workers that nobody measures: tasks get the trace context that they came with. */
export const noTelemetry: Telemetry = {
  observe() {},
  taskCounted() {},
  instanceUsed() {},
  standbyHit() {},
  standbyMissed() {},
  startTask: (context) => ({ context, set() {}, end() {} }),
  async stop() {},
};
