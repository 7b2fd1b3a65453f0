import type { Task } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { Page, PageAsk } from './page.ts';

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
}

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
  readonly tasks: readonly TaskView[];
}

/** What the supervisor of a worker's machine reported last. It stays when the machine is gone, and so tells why it ended. */
export interface SupervisorView {
  readonly phase: string;
  readonly reason: string;
  readonly ageSeconds: number;
  readonly deadlines: readonly { readonly rule: string; readonly dueAt: string; readonly suspended: boolean }[];
  /** Why the machine ends; null while it does not. */
  readonly endReason: string | null;
  /** Tasks that have ended in the machine's life, and what the last audit found. */
  readonly finishedTasks: number;
  readonly verdict: { readonly verdict: string; readonly reasons: readonly string[] } | null;
  readonly receivedAt: string;
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
  /** Names the stored work tree (`hub/source`). */
  readonly treeId: string;
  /** From the configuration language; ids and dependencies are local to the build. */
  readonly tasks: readonly Task[];
}

export interface BuildFilter {
  readonly status?: StatusName | undefined;
  readonly branch?: string | undefined;
}

export interface TaskFilter {
  readonly status?: StatusName | undefined;
  readonly buildId?: string | undefined;
}

/** The holder of an API token. `name` names the token without giving it away. */
export interface KnownCaller {
  readonly name: string;
  readonly role: Role;
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

/** What the heart needs of the source side: where tasks of a build get their work tree from. */
export interface SourceAccess {
  /**
   * `CIRRUS_REPO_CLONE_URL`, `CIRRUS_BRANCH`, `CIRRUS_CHANGE_IN_REPO` and so on, with addresses that expire after
   * `validForMs`; and the secret parts of them, which logs must not show.
   */
  environmentFor(
    build: Pick<BuildView, 'id' | 'branch' | 'revision' | 'message'> & { readonly treeId: string },
    validForMs: number,
  ): { readonly environment: Readonly<Record<string, string>>; readonly secrets: readonly string[] };
}
