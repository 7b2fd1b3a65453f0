import type { BuildView, InstructionView, TaskView, WorkerView } from './model.ts';
import type { LinkedTask } from './scheduler/dependencies.ts';
import { isFinal } from './scheduler/dependencies.ts';
import type { BuildRecord } from './store/builds.ts';
import type { TaskRecord } from './store/tasks.ts';
import type { WorkerRecord } from './store/workers.ts';
import type { SupervisorView } from './supervisor-view.ts';

export const rfc3339 = (ms: number) => new Date(ms).toISOString();
const maybe = (ms: number | null) => (ms === null ? null : rfc3339(ms));

/** Why a task that does not run yet is not even waiting for a worker. */
function waitsFor(task: TaskRecord, needs: readonly LinkedTask[]): string | null {
  const open = needs.filter(({ status }) => !isFinal(status)).map(({ name }) => `"${name}"`);
  return task.status === 'CREATED' && open.length > 0 ? `waits for ${open.join(', ')}` : null;
}

/** `waiting` is the scheduler's word on a task that waits for a worker. */
export function taskView(
  task: TaskRecord,
  linked: readonly LinkedTask[],
  instructions: readonly InstructionView[],
  waiting: string | undefined,
): TaskView {
  const needs = linked.find(({ id }) => id === task.id)?.needs ?? [];
  const needed = linked.filter(({ id }) => needs.includes(id));
  return {
    id: String(task.id),
    buildId: String(task.buildId),
    name: task.name,
    status: task.status,
    reason: task.reason ?? waiting ?? waitsFor(task, needed),
    worker: task.workerName,
    labels: task.labels,
    resources: task.resources,
    dependsOn: needs.map(String),
    createdAt: rfc3339(task.createdMs),
    startedAt: maybe(task.startedMs),
    finishedAt: maybe(task.finishedMs),
    instructions: instructions.map(({ name, kind, status, exitCode, durationMs }) => ({
      name,
      kind,
      status,
      exitCode,
      durationMs,
    })),
    run: task.run,
    runCause: task.runCause,
    previousRun: task.previousId === null ? null : String(task.previousId),
    nextRun: task.nextId === null ? null : String(task.nextId),
    hold: task.hold,
  };
}

/** `runs` are all runs of all its tasks. */
export function buildView(build: BuildRecord, runs: readonly TaskView[]): BuildView {
  const { branch, revision, message, status, repository, pullRequest, priority } = build;
  return {
    id: String(build.id),
    status,
    branch,
    revision,
    message,
    createdAt: rfc3339(build.createdMs),
    finishedAt: maybe(build.finishedMs),
    repository,
    pullRequest,
    priority,
    tasks: runs.filter(({ nextRun }) => nextRun === null),
    earlierRuns: runs.filter(({ nextRun }) => nextRun !== null),
  };
}

export function workerView(
  { name, pool, labels, resources, disabled, draining }: WorkerRecord,
  online: boolean,
  lastSeenMs: number,
  runningTasks: readonly string[],
  supervisor: SupervisorView | null,
): WorkerView {
  const paused = disabled || draining;
  return { name, pool, labels, resources, runningTasks, online, paused, lastSeenAt: rfc3339(lastSeenMs), supervisor };
}
