import type { Instance } from '../isolation/instance.ts';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Environment } from '../platform/environment.ts';
import type { Random } from '../platform/random.ts';
import { BUILD } from '../platform/version.ts';
import type { RpcClient } from '../rpc/client.ts';
import type { Isolation, PollResponse } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { WorkerOptions } from './configuration/options.ts';
import { allLabels } from './labels.ts';
import type { WorkerLink } from './link.ts';
import { PollLoop } from './poll-loop.ts';
import { runTask, type TaskDeps, taskIdOf } from './run-task.ts';
import { RunningTasks } from './running-tasks.ts';
import { createUpstream } from './upstream.ts';

export interface WorkerDeps {
  readonly client: RpcClient;
  readonly agentEnvironment: Environment;
  readonly createNoneInstance: () => Promise<Instance>;
  readonly link: WorkerLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Time that a cancelled task gets to end by itself before it is killed, in milliseconds. */
export const CANCEL_GRACE_MS = 20_000;

/** Time that reports of cancelled tasks get after the last task has ended, in milliseconds. */
const LAST_REPORTS_MS = 5_000;

export type WorkerEnd = 'finished' | 'tasks-cancelled';

/** A persistent worker for one server. */
export class Worker {
  readonly #tasks: RunningTasks;
  readonly #loop: PollLoop;
  readonly #leave = new AbortController();
  readonly #idleWaiters = new Set<() => void>();
  #paused = false;

  constructor(
    options: WorkerOptions,
    private readonly deps: WorkerDeps,
  ) {
    const { client, link, clock, random, log } = deps;
    const info = { labels: allLabels(options.name, BUILD, options.labels), resourcesTotal: { ...options.resources } };
    const upstream = createUpstream({ client, name: options.name, token: options.upstreams[0].token, info });
    this.#tasks = new RunningTasks(() => this.#changed());
    const taskDeps: TaskDeps = {
      ...{ upstream, clock, random, log, apiEndpoint: options.upstreams[0].endpoint.text },
      ...{ agentEnvironment: deps.agentEnvironment, leave: this.#leave.signal },
      createInstance: (isolation) => this.#createInstance(isolation),
    };
    const snapshot = () => ({
      running: this.#tasks.ids,
      resourcesInUse: this.#tasks.resourcesInUse,
      ended: this.#tasks.ended,
    });
    const apply = (response: PollResponse) => this.#apply(response, taskDeps);
    this.#loop = new PollLoop({ upstream, link, clock, random, log, snapshot, apply, wantsPause: () => this.#paused });
  }

  /** Stops or resumes the intake of new tasks; the server is told at the next turn. */
  setPaused(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.#changed();
    this.#loop.intakeChanged(this.#leave.signal);
  }

  /**
   * Serves until the server asks for shutdown (running tasks are finished) or `stop` aborts (they are cancelled and
   * reported). `hurry` cuts the reports short.
   */
  async run(stop: AbortSignal, hurry: AbortSignal): Promise<WorkerEnd> {
    this.#changed();
    await this.#loop.run(stop);
    if (!stop.aborted) await this.#idle(stop);
    const cancelled = this.#tasks.ids.length > 0;
    if (cancelled) this.deps.log.warn('stopping: cancelling what runs', { tasks: this.#tasks.ids });
    const leave = () => this.#leave.abort();
    hurry.addEventListener('abort', leave, { once: true });
    this.#tasks.cancelAll('worker-stops');
    const stopTimer = this.deps.clock.after(CANCEL_GRACE_MS + LAST_REPORTS_MS, leave);
    await this.#idle(hurry);
    stopTimer();
    return cancelled ? 'tasks-cancelled' : 'finished';
  }

  /** Resolves when nothing runs, or when `signal` aborts. */
  #idle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#tasks.ids.length > 0 && !signal.aborted) return;
        this.#idleWaiters.delete(check);
        resolve();
      };
      this.#idleWaiters.add(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  #changed(): void {
    this.deps.link.state(this.#paused ? 'paused' : 'open', this.#tasks.list);
    this.#loop.wake();
    for (const check of [...this.#idleWaiters]) check();
  }

  #apply(response: PollResponse, taskDeps: TaskDeps): void {
    for (const id of [...response.tasksToStop, ...response.oldTaskIdsToStop.map(String)])
      this.#tasks.cancel(id, 'server');
    for (const task of response.tasksToStart) {
      const run = (signal: AbortSignal) => runTask(task, taskDeps, signal);
      const started = this.#tasks.start(taskIdOf(task), task.resourcesToUse, this.deps.clock.wallMs(), run);
      if (!started) this.deps.log.warn('task runs already, second copy ignored', { taskId: taskIdOf(task) });
    }
  }

  async #createInstance(isolation: Isolation | undefined): Promise<Instance> {
    const kind = isolation?.type.case;
    if (isolation === undefined || kind === 'none') return this.deps.createNoneInstance();
    throw new AppError('CONFIG', `this worker cannot run tasks in isolation "${kind ?? 'of an unknown kind'}"`, {
      hint: 'leave `isolation` out of persistent_worker to run directly on the worker',
    });
  }
}
