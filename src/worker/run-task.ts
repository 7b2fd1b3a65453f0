import type { Instance } from '../isolation/instance.ts';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Environment } from '../platform/environment.ts';
import type { PollResponse_AgentAwareTask } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { Lease } from './capacity.ts';
import type { Reports } from './reports.ts';
import { type TaskKey, taskIdOf } from './task-identity.ts';
import { instanceAttributes } from './telemetry/instance-attributes.ts';
import type { TaskSpan, TraceContext } from './telemetry/telemetry.ts';

export interface TaskDeps {
  readonly reports: Reports;
  /** Endpoint string that agents get. */
  readonly apiEndpoint: string;
  /** The environment of the task's agent. */
  readonly environmentOf: (task: PollResponse_AgentAwareTask, trace: TraceContext) => Environment;
  /** Measures this task; ended here. */
  readonly span: TaskSpan;
  /** Makes the place that a task asks for. Rejects with a sentence when this worker cannot or may not. */
  readonly createInstance: (task: PollResponse_AgentAwareTask, signal: AbortSignal) => Promise<Instance>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the worker leaves for good: reports that are still not through are given up. */
  readonly leave: AbortSignal;
}

/** Time that an instance has to remove itself before the worker goes on without its place. */
export const CLOSE_LIMIT_MS = 60_000;

async function runInstance(
  instance: Instance,
  task: PollResponse_AgentAwareTask,
  deps: TaskDeps,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const agentTask = {
      taskId: taskIdOf(task),
      apiEndpoint: deps.apiEndpoint,
      serverSecret: task.serverSecret,
      clientSecret: task.clientSecret,
      environment: deps.environmentOf(task, deps.span.context),
    };
    return (await instance.run(agentTask, signal)).problem;
  } catch (error) {
    return `the agent could not be started: ${describeError(error)}`;
  }
}

async function closeAll(instance: Instance, log: Logger): Promise<void> {
  try {
    for (const trouble of await instance.close()) log.warn(trouble);
  } catch (error) {
    log.error('closing the instance failed', { error: describeError(error) });
  }
}

/**
 * Closes the instance and gives its place back. One that hangs is reported as over even so, but its place stays out of
 * use until it has come to an end, since what it runs on may still be there.
 */
async function closeInstance(instance: Instance, lease: Lease, { clock, log }: TaskDeps): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const cancel = clock.after(CLOSE_LIMIT_MS, () => late.resolve('late'));
  const closing = closeAll(instance, log).then(() => lease.release());
  if ((await Promise.race([closing, late.promise])) === 'late') {
    log.error('instance does not close; its place stays out of use until it does', { limitMs: CLOSE_LIMIT_MS });
    void closing.then(() => log.info('instance has closed after all, its place is free again'));
  }
  cancel();
}

/** Starts, runs and judges; `instance` is there. Gives why the run itself failed. */
async function carryOut(
  instance: Instance,
  task: PollResponse_AgentAwareTask,
  deps: TaskDeps,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { reports, log, leave } = deps;
  const key: TaskKey = { id: taskIdOf(task), clientSecret: task.clientSecret };
  const accepted = await reports.started(key, AbortSignal.any([leave, signal]));
  if (signal.aborted) return undefined;
  if (!accepted) {
    const refused = 'the server did not take the report that the task has started';
    await reports.failed(key, refused, leave);
    return refused;
  }
  log.info('task started');
  const problem = await runInstance(instance, task, deps, signal);
  if (problem === null || signal.aborted) return undefined;
  log.error('task could not be carried through', { error: problem });
  await reports.failed(key, problem, leave);
  return problem;
}

/**
 * Takes one task through its life: instance, TaskStarted, agent, TaskFailed where the run itself failed, instance
 * closed, TaskStopped (specification of the worker, section 6.2). Resolves with how to make the last of these reports.
 * An abort of `signal` cancels the task.
 * `lease` is given back as soon as nothing of the task is left, and before the server hears of its end: the next task may
 * come with that very answer.
 */
export async function runTask(
  task: PollResponse_AgentAwareTask,
  lease: Lease,
  taskDeps: TaskDeps,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const key: TaskKey = { id: taskIdOf(task), clientSecret: task.clientSecret };
  const deps = { ...taskDeps, log: taskDeps.log.child({ taskId: key.id }) };
  const { reports, log, leave, span } = deps;
  let instance: Instance;
  try {
    instance = await deps.createInstance(task, signal);
  } catch (error) {
    lease.release();
    const message = describeError(error);
    span.end(signal.aborted ? undefined : message);
    if (signal.aborted) return () => reports.stopped(key, leave);
    log.error('task cannot be run', { error: message });
    return () => reports.failed(key, message, leave);
  }
  span.set(instanceAttributes(task.isolation));
  span.end(signal.aborted ? undefined : await carryOut(instance, task, deps, signal));
  await closeInstance(instance, lease, deps);
  log.info('task ended', { cancelled: signal.aborted });
  return () => reports.stopped(key, leave);
}
