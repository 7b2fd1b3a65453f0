import type { BuildView, StatusName, TaskView } from './model.ts';

/** Why a task stands where it stands, as told to people and as `--json`. */
export interface WhyView {
  readonly taskId: string;
  readonly status: StatusName;
  readonly kind: WhyKind;
  /** One sentence for people, without a full stop. */
  readonly reason: string;
  /** Labels that no registered worker has, with the values that workers have instead. */
  readonly missingLabels: readonly {
    readonly name: string;
    readonly value: string;
    readonly offered: readonly string[];
  }[];
  /** Resources of which no matching worker has enough. */
  readonly missingResources: readonly { readonly name: string; readonly wanted: number; readonly largest: number }[];
  /** Workers with all its labels, at most 50, and how many there are. */
  readonly workers: readonly WhyWorker[];
  readonly matchingWorkers: number;
  /** Its place among the tasks that want the same kind of worker: 1 is next. */
  readonly position: { readonly place: number; readonly of: number; readonly exact: boolean } | null;
  /** Tasks that have to end first. */
  readonly waitsFor: readonly { readonly id: string; readonly name: string; readonly status: StatusName }[];
  readonly lock: { readonly name: string; readonly heldBy: string } | null;
  /** Labels that its pull request still lacks. */
  readonly missingPullRequestLabels: readonly string[];
  /** When it fails unless a worker for it comes; null while there is one, and without a limit. */
  readonly failsAt: string | null;
  /** When a pool that could take it expects capacity, as far as it says. */
  readonly capacityExpected: readonly { readonly pool: string; readonly at: string; readonly note: string }[];
}

export type WhyKind =
  | 'ended'
  | 'running'
  | 'dependencies'
  | 'manual'
  | 'pr-labels'
  | 'lock'
  | 'nobody'
  | 'offline'
  | 'paused'
  | 'busy'
  | 'reserved'
  | 'other-worker'
  | 'next';

export interface WhyWorker {
  readonly name: string;
  readonly pool: string;
  readonly state: 'online' | 'offline' | 'paused' | 'unsteady';
  /** Whether it has enough of everything when it is idle. */
  readonly largeEnough: boolean;
  readonly running: readonly string[];
  readonly resources: Readonly<Record<string, number>>;
}

/** Something the hub decided about a task, with its reason. */
export interface DecisionView {
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly taskId: string;
  readonly worker: string | null;
  readonly reason: string;
}

/** What people do to tasks and builds. `by` names who, for the audit. Undefined: there is nothing of that id. */
export interface TaskControl {
  whyTask(id: string): Promise<WhyView | undefined>;
  /** Oldest first. */
  decisionsAbout(taskId: string): Promise<DecisionView[]>;
  /** Takes it out of the queue, or tells its worker to stop it. One that has ended stays as it is. */
  cancelTask(id: string, by: string): Promise<TaskView | undefined>;
  cancelBuild(id: string, by: string): Promise<BuildView | undefined>;
  /**
   * Runs an ended task again as a new run, and with it the tasks that were aborted behind it. Resolves with the new run.
   * Throws `AppError` (USAGE) for one that has not ended or whose place another run has taken.
   */
  rerunTask(id: string, by: string): Promise<TaskView | undefined>;
  /** Runs all failed and aborted tasks of a build again. Throws `AppError` (USAGE) when there are none. */
  rerunBuild(id: string, by: string): Promise<BuildView | undefined>;
  /** Lets a task with `trigger_type: manual` go. Throws `AppError` (USAGE) for one that does not wait for that. */
  triggerTask(id: string, by: string): Promise<TaskView | undefined>;
  /** What labels a pull request has now: tasks that waited for them go on. */
  labelPullRequest(repository: string, number: number, labels: readonly string[]): Promise<void>;
  /** When a pool expects capacity (RFC 3339), for those who ask why a task waits; null takes it back. */
  expectCapacity(pool: string, expected: { readonly at: string; readonly note: string } | null): Promise<void>;
}
