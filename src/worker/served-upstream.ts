import type { Instance } from '../isolation/instance.ts';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Environment } from '../platform/environment.ts';
import { hostName } from '../platform/host.ts';
import type { Random } from '../platform/random.ts';
import type { PollResponse, PollResponse_AgentAwareTask } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { traceEnvironment, traceTags } from './agent-environment.ts';
import type { Capacity } from './capacity.ts';
import { type Intake, type LoopEnd, PollLoop } from './poll-loop.ts';
import { Reports } from './reports.ts';
import { runTask, type TaskDeps } from './run-task.ts';
import { RunningTasks } from './running-tasks.ts';
import type { StandbyOffer } from './standby-offer.ts';
import { amountsProblem, namelessProblem, type TaskKey, taskIdOf } from './task-identity.ts';
import type { Telemetry, TraceContext } from './telemetry/telemetry.ts';
import type { Upstream } from './upstream.ts';

export interface ServedUpstreamDeps {
  readonly upstream: Upstream;
  /** Endpoint string that agents get, and the name of this upstream for people. */
  readonly endpoint: string;
  readonly workerName: string;
  readonly agentEnvironment: Environment;
  /** Of the worker as a whole. */
  readonly capacity: Capacity;
  readonly standby: StandbyOffer;
  readonly telemetry: Telemetry;
  readonly createInstance: (task: PollResponse_AgentAwareTask, signal: AbortSignal) => Promise<Instance>;
  readonly intake: () => Intake;
  /** Why this worker takes no further task, though its servers may not know yet; undefined when it does. */
  readonly full: () => string | undefined;
  readonly exitOnRefusal: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Hears of every start and end of a task, and of every report that was taken. */
  readonly onChange: () => void;
  /** A task has been taken on. */
  readonly onAccepted: () => void;
  readonly onRegistered: () => void;
  readonly onTurn: () => void;
  readonly onTrouble: (message: string | null) => void;
  /** Aborts when the worker leaves for good. */
  readonly leave: AbortSignal;
}

/** One upstream with all that belongs to it: session, poll loop, tasks, reports. Nothing here waits for another upstream. */
export class ServedUpstream {
  readonly tasks: RunningTasks;
  readonly #reports: Reports;
  readonly #loop: PollLoop;
  readonly #taskDeps: Omit<TaskDeps, 'span'>;
  /** Aborts when nothing can be said to the server any more. */
  readonly #refused = new AbortController();
  readonly #leave: AbortSignal;
  /** Ids of refused tasks whose refusal is on its way to the server. */
  readonly #refusing = new Set<string>();
  #version = 0;

  constructor(private readonly deps: ServedUpstreamDeps) {
    const { upstream, clock, random, log, createInstance, intake, exitOnRefusal } = deps;
    this.#leave = AbortSignal.any([deps.leave, this.#refused.signal]);
    this.tasks = new RunningTasks(() => this.#changed());
    this.#reports = new Reports({ upstream, clock, random, log });
    this.#taskDeps = {
      ...{ reports: this.#reports, clock, log, leave: this.#leave, createInstance, apiEndpoint: deps.endpoint },
      environmentOf: (task, trace) => this.#environmentOf(task, trace),
    };
    const { onRegistered, onTurn, onTrouble } = deps;
    this.#loop = new PollLoop({
      ...{ upstream, reports: this.#reports, clock, random, log, intake, exitOnRefusal },
      ...{ onRegistered, onTurn, onTrouble },
      snapshot: () => this.#snapshot(),
      apply: (response, late) => this.#apply(response, late),
      settled: () => this.tasks.settled,
      busy: () => this.busy,
    });
  }

  /** Whether a task runs or is still to be reported. */
  get busy(): boolean {
    return this.tasks.ids.length > 0 || this.#refusing.size > 0;
  }

  /**
   * Polls until the server asks for shutdown, refuses, the drain is over or `signal` aborts. Tasks may go on after that;
   * those of a server that refuses are cancelled, since nobody takes their results.
   */
  async run(signal: AbortSignal): Promise<LoopEnd> {
    const end = await this.#loop.run(signal);
    if (end === 'refused') {
      this.#refused.abort();
      this.tasks.cancelAll('worker-stops');
    }
    return end;
  }

  /** What is told of the standby in polls has changed. */
  standbyChanged(): void {
    this.#version += 1;
    this.#loop.wake();
  }

  intakeChanged(): void {
    this.#loop.intakeChanged(this.#leave);
  }

  /** Takes leave of the server, in bounded time. `forGood`: no worker of this name comes back. */
  leave(forGood: boolean): Promise<void> {
    return this.#loop.leave(forGood);
  }

  #changed(): void {
    this.#version += 1;
    this.#loop.wake();
    this.deps.onChange();
  }

  #snapshot() {
    const { capacity, standby } = this.deps;
    const version = this.#version;
    return { running: this.tasks.ids, resourcesInUse: capacity.inUse, standby: standby.advertised, version };
  }

  #environmentOf(task: PollResponse_AgentAwareTask, trace: TraceContext): Environment {
    return { ...this.deps.agentEnvironment, ...traceEnvironment(trace, this.#tagsOf(task)) };
  }

  #tagsOf(task: PollResponse_AgentAwareTask): Readonly<Record<string, string>> {
    return traceTags({ taskId: taskIdOf(task), workerName: this.deps.workerName, hostName: hostName() });
  }

  #apply(response: PollResponse, late: boolean): void {
    for (const id of [...response.tasksToStop, ...response.oldTaskIdsToStop.map(String)])
      this.tasks.cancel(id, 'server');
    const taken = response.tasksToStart.filter((task) => this.#take(task, late));
    if (taken.length > 0) this.deps.standby.announce(taken.map(({ isolation }) => isolation));
    const [parameters] = response.updatedStandbyInstances;
    if (parameters !== undefined && !response.shutdown && !late) this.deps.standby.update(parameters);
  }

  /** Starts the task, unless it is to be refused or ignored. */
  #take(task: PollResponse_AgentAwareTask, late: boolean): boolean {
    const { log, capacity, clock, telemetry } = this.deps;
    const nameless = namelessProblem(task);
    if (nameless !== undefined) {
      log.error('the server sent a task that cannot be answered, ignored', { problem: nameless });
      return false;
    }
    const key = { id: taskIdOf(task), clientSecret: task.clientSecret };
    if (this.tasks.has(key.id) || this.#refusing.has(key.id)) {
      log.warn('task is known already, second copy ignored', { taskId: key.id });
      return false;
    }
    telemetry.taskCounted();
    const stopping = late ? 'this worker is stopping and takes no new tasks' : this.deps.full();
    const lease = stopping ?? amountsProblem(task.resourcesToUse) ?? capacity.take(task.resourcesToUse);
    if (typeof lease === 'string') {
      this.#refuse(key, lease);
      return false;
    }
    const span = telemetry.startTask(task, this.#tagsOf(task));
    const deps = { ...this.#taskDeps, span };
    this.tasks.start(key.id, clock.wallMs(), (signal) => runTask(task, lease, deps, signal));
    this.deps.onAccepted();
    return true;
  }

  /** Refused tasks never ran here: the server gets the reason, and nothing else follows. */
  #refuse(key: TaskKey, reason: string): void {
    const { log } = this.deps;
    log.error('task refused', { taskId: key.id, reason });
    this.#refusing.add(key.id);
    this.#reports
      .failed(key, reason, this.#leave)
      .catch((error: unknown) => log.error('refusal was not reported', { error: describeError(error) }))
      .finally(() => {
        this.#refusing.delete(key.id);
        this.#changed();
      });
  }
}
