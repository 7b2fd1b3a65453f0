import type { Instance } from '../isolation/instance.ts';
import { backoffMs } from '../lib/backoff.ts';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Environment } from '../platform/environment.ts';
import type { Random } from '../platform/random.ts';
import type { Isolation, PollResponse_AgentAwareTask } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { retryOf } from '../rpc/rpc-error.ts';
import type { TaskKey, Upstream } from './upstream.ts';

export interface TaskDeps {
  readonly upstream: Upstream;
  /** Endpoint string that agents get. */
  readonly apiEndpoint: string;
  readonly agentEnvironment: Environment;
  /** Makes the place that a task asks for. Rejects with a sentence when this worker cannot. */
  readonly createInstance: (isolation: Isolation | undefined) => Promise<Instance>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Aborts when the worker leaves for good: reports that are still not through are given up. */
  readonly leave: AbortSignal;
}

/** Reports are repeated with these delays for as long as this, then given up; the server finds out by the next poll. */
const REPORT_BACKOFF = { firstMs: 200, maxMs: 10_000 };
const REPORT_FOR_MS = 10 * 60_000;

/** Makes one report, again and again while the server is away. False when it was refused or given up. */
async function report(
  what: string,
  call: (signal: AbortSignal) => Promise<void>,
  { clock, random, log, leave }: TaskDeps,
) {
  const startedMs = clock.monoMs();
  for (let attempt = 0; ; attempt += 1) {
    try {
      await call(leave);
      return true;
    } catch (error) {
      const retry = retryOf(error) === 'backoff' && clock.monoMs() - startedMs < REPORT_FOR_MS;
      log[retry ? 'debug' : 'warn'](`${what} could not be reported`, { error: describeError(error), attempt });
      if (!retry || leave.aborted) return false;
      await clock.sleep(backoffMs(attempt, REPORT_BACKOFF, random), leave).catch(() => {}); // the next call fails by itself
    }
  }
}

async function runInstance(
  instance: Instance,
  task: PollResponse_AgentAwareTask,
  id: string,
  deps: TaskDeps,
  signal: AbortSignal,
) {
  try {
    const agentTask = {
      taskId: id,
      apiEndpoint: deps.apiEndpoint,
      serverSecret: task.serverSecret,
      clientSecret: task.clientSecret,
      environment: deps.agentEnvironment,
    };
    return (await instance.run(agentTask, signal)).problem;
  } catch (error) {
    return `the agent could not be started: ${describeError(error)}`;
  }
}

/** The id of a task in either form of the protocol (specification, section 5). */
export function taskIdOf(task: PollResponse_AgentAwareTask): string {
  return task.taskId === '' ? String(task.oldTaskId) : task.taskId;
}

/**
 * Takes one task through its life: instance, TaskStarted, agent, TaskFailed where the run itself failed, instance
 * closed, TaskStopped (specification of the worker, section 6.2). Never rejects. An abort of `signal` cancels the task.
 */
export async function runTask(
  task: PollResponse_AgentAwareTask,
  taskDeps: TaskDeps,
  signal: AbortSignal,
): Promise<void> {
  const id = taskIdOf(task);
  const key: TaskKey = { id, clientSecret: task.clientSecret };
  const deps = { ...taskDeps, log: taskDeps.log.child({ taskId: id }) };
  const { upstream, log } = deps;
  let instance: Instance;
  try {
    instance = await deps.createInstance(task.isolation);
  } catch (error) {
    const message = describeError(error);
    log.error('task cannot be run', { error: message });
    await report('TaskFailed', (abort) => upstream.taskFailed(key, message, abort), deps);
    return;
  }
  const accepted = await report('TaskStarted', (abort) => upstream.taskStarted(key, abort), deps);
  if (accepted) {
    log.info('task started');
    const problem = await runInstance(instance, task, id, deps, signal);
    if (problem !== null && !signal.aborted) {
      log.error('task could not be carried through', { error: problem });
      await report('TaskFailed', (abort) => upstream.taskFailed(key, problem, abort), deps);
    }
  }
  for (const trouble of await instance.close()) log.warn(trouble);
  await report('TaskStopped', (abort) => upstream.taskStopped(key, abort), deps);
  log.info('task ended', { cancelled: signal.aborted });
}
