import type { Task } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { BuildFilter, KnownCaller, TaskFilter } from './lookups.ts';
import type { Page, PageAsk } from './page.ts';
import type { SupervisorView } from './supervisor-view.ts';
import type { BuildOrigin } from './variables/origin.ts';

export type { DecisionView, TaskControl, WhyKind, WhyView, WhyWorker } from './control-model.ts';

/** Status names of the protocol; a task or instruction has one at a time. */
export type StatusName =
  | 'CREATED'
  | 'TRIGGERED'
  | 'SCHEDULED'
  | 'EXECUTING'
  | 'ABORTED'
  | 'FAILED'
  | 'COMPLETED'
  | 'SKIPPED';

/** One instruction of a task, as told to people and by the JSON interface. Times are RFC 3339 UTC. */
export interface InstructionView {
  readonly name: string;
  /** `clone`, `script`, `file`, … */
  readonly kind: string;
  readonly status: StatusName;
  /** Null when the script was killed, did not run, or the agent does not report codes. */
  readonly exitCode: number | null;
  readonly durationMs: number | null;
}

export interface TaskView {
  readonly id: string;
  readonly buildId: string;
  readonly name: string;
  readonly status: StatusName;
  /** Why it failed, was aborted, or waits, in a sentence; null when the status says it all. */
  readonly reason: string | null;
  readonly worker: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, number>>;
  readonly dependsOn: readonly string[];
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly instructions: readonly InstructionView[];
  /** 1 for the first run of a task, 2 for its first re-run, … Each run has an id, and so an address, of its own. */
  readonly run: number;
  readonly runCause: RunCause;
  /** Ids of the run before and of the one that took this one's place. */
  readonly previousRun: string | null;
  readonly nextRun: string | null;
  /** What keeps back a task that nothing else does: somebody has to trigger it, and so on. */
  readonly hold: Hold | null;
}

/** Why a run exists: the task's first, after the loss of its worker, or since somebody asked for it. */
export type RunCause = 'first' | 'lost' | 'requested';

/** `manual`: somebody has to trigger it. `pr-labels`: its pull request lacks labels. `lock`: another task has its lock. */
export type Hold = 'manual' | 'pr-labels' | 'lock';

export interface BuildView {
  readonly id: string;
  /** CREATED until a task runs, EXECUTING, then COMPLETED, FAILED or ABORTED. */
  readonly status: StatusName;
  readonly branch: string;
  /** Commit of the work tree; the content's own id where the hub has no git. */
  readonly revision: string;
  readonly message: string;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  /** Name of the repository, for example `acme/app`; empty where none was given. */
  readonly repository: string;
  readonly pullRequest: number | null;
  /** -100 to 100, 0 by default; more goes first. */
  readonly priority: number;
  /** The newest run of each task. */
  readonly tasks: readonly TaskView[];
  /** Runs that others took the place of, oldest first; their logs stay. */
  readonly earlierRuns: readonly TaskView[];
}

export interface WorkerView {
  readonly name: string;
  readonly pool: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, number>>;
  readonly runningTasks: readonly string[];
  readonly online: boolean;
  /** Gets no new tasks: paused by an operator, or draining by itself. */
  readonly paused: boolean;
  readonly lastSeenAt: string;
  /** Null where no supervisor reports. */
  readonly supervisor: SupervisorView | null;
}

/** A piece of an instruction's log. `seq` rises over all logs of the hub: a follower resumes after the last it has seen. */
export interface LogChunk {
  readonly seq: number;
  readonly taskId: string;
  readonly instruction: string;
  /** Bytes of this log before this chunk. */
  readonly offset: number;
  /** True when the log starts anew here, since the agent's final copy differed from what was streamed. */
  readonly replaces: boolean;
  readonly data: Uint8Array;
}

/** A build about to be stored. */
export interface NewBuild {
  readonly branch: string;
  readonly revision: string;
  readonly message: string;
  /** Names the stored work tree (`hub/source`); empty for a build whose tasks clone from elsewhere. */
  readonly treeId: string;
  /** Left out for a work tree. */
  readonly origin?: BuildOrigin;
  /** Tasks take turns by it, and execution locks are its own; empty for a work tree of nobody knows where. */
  readonly repository?: string;
  readonly pullRequest?: { readonly number: number; readonly labels: readonly string[] };
  readonly priority?: number;
  /**
   * Whether it takes the place of older builds of the same repository and branch (or pull request): those of their
   * tasks whose `auto_cancellation` is on are cancelled. Left out: yes when it has a repository.
   */
  readonly supersedes?: boolean;
  /** From the configuration language; ids and dependencies are local to the build. */
  readonly tasks: readonly Task[];
}

export type Role = 'admin' | 'submit' | 'read';

/** What the HTTP side needs of the heart of the hub. Every promise rejects with an `AppError` or is a bug. */
export interface HubCore {
  createBuild(build: NewBuild): Promise<BuildView>;
  /** Newest first. */
  listBuilds(ask: PageAsk, filter?: BuildFilter): Promise<Page<BuildView>>;
  /** Newest first. */
  listTasks(ask: PageAsk, filter?: TaskFilter): Promise<Page<TaskView>>;
  getBuild(id: string): Promise<BuildView | undefined>;
  getTask(id: string): Promise<TaskView | undefined>;
  listWorkers(): Promise<WorkerView[]>;
  /** Chunks of a build's logs with `seq` above `afterSeq`, in order, at most about 4 MiB in all. */
  readLogs(buildId: string, afterSeq: number): Promise<LogChunk[]>;
  /** The whole current log of one instruction, in pieces. */
  readLog(taskId: string, instruction: string): AsyncIterable<Uint8Array>;
  /** Calls back after each stored change of that build (or of any build), until `signal` aborts. Never blocks the change. */
  watch(buildId: string | undefined, onChange: () => void, signal: AbortSignal): void;
  /** Keeps what the supervisor of a machine reports under the worker's name, in the place of what it said before. */
  saveSupervisor(workerName: string, report: Omit<SupervisorView, 'receivedAt'>): Promise<void>;
  /** Whether this is the registration token of a pool. */
  isPoolToken(token: string): Promise<boolean>;
  /** Whose API token this is, or undefined for one that is not good. Tokens are looked up by their hash. */
  callerOf(token: string): Promise<KnownCaller | undefined>;
}
