import type { Environment } from '../platform/environment.ts';
import { BUILD } from '../platform/version.ts';
import type { RpcClient } from '../rpc/client.ts';
import type { Endpoint } from '../rpc/endpoint.ts';
import { Capacity } from './capacity.ts';
import type { UpstreamOptions, WorkerOptions } from './configuration/options.ts';
import { Health } from './health.ts';
import { allLabels } from './labels.ts';
import type { WorkerLink } from './link.ts';
import { Places, type PlacesDeps } from './places.ts';
import type { Intake, LoopEnd } from './poll-loop.ts';
import { ServedUpstream } from './served-upstream.ts';
import { createUpstream } from './upstream.ts';

export interface WorkerDeps extends PlacesDeps {
  /** A lazily connected channel; the worker closes it at its end. */
  readonly connect: (endpoint: Endpoint) => RpcClient;
  readonly agentEnvironment: Environment;
  /** By which a hub tells this worker from another of its name; undefined: it cannot. */
  readonly instanceId?: string | undefined;
  readonly link: WorkerLink;
  /** How long running tasks may go on after a stop before they are cancelled; 0 for a worker that was drained before. */
  readonly drainMs: number;
}

/** Time that a cancelled task gets to end by itself before it is killed, in milliseconds. */
export const CANCEL_GRACE_MS = 20_000;

/** With what follows it within the 90 s that systemd gives a service to stop. */
export const DRAIN_MS = 60_000;

/** Time that reports of cancelled tasks get after the last task has ended, in milliseconds. */
const LAST_REPORTS_MS = 5_000;

export type WorkerEnd = 'finished' | 'tasks-cancelled' | 'refused';

/** A persistent worker: all its upstreams, and how it ends. */
export class Worker {
  readonly #upstreams: readonly ServedUpstream[];
  readonly #clients: RpcClient[] = [];
  readonly #capacity: Capacity;
  readonly #places: Places;
  readonly #leave = new AbortController();
  readonly #idleWaiters = new Set<() => void>();
  #intake: Intake = 'open';
  #registered = false;
  #hasItsOne = false;

  constructor(
    private readonly options: WorkerOptions,
    private readonly deps: WorkerDeps,
  ) {
    this.#capacity = new Capacity(options.resources);
    this.#places = new Places(options, deps, this.#capacity, () => this.#standbyChanged());
    const unused = Object.fromEntries(Object.keys(options.resources).map((name) => [name, 0])); // a gauge that ends is no 0
    deps.telemetry.observe(() => ({
      runningTasks: this.#running.length,
      resourcesUsed: { ...unused, ...this.#capacity.inUse },
      resourcesUnused: this.#capacity.free,
    }));
    const health = new Health((message) => deps.link.trouble(message));
    this.#upstreams = options.upstreams.map((upstream, index) => this.#serve(upstream, `${index}`, health));
  }

  #serve({ token, endpoint }: UpstreamOptions, key: string, health: Health): ServedUpstream {
    const { options, deps } = this;
    const { link, clock, random, telemetry, agentEnvironment, instanceId } = deps;
    const kind = { instanceId, ephemeral: options.ephemeral };
    const info = {
      labels: allLabels(options.name, BUILD, options.labels, kind),
      resourcesTotal: { ...options.resources },
    };
    const client = deps.connect(endpoint);
    this.#clients.push(client);
    return new ServedUpstream({
      upstream: createUpstream({ client, name: options.name, token, info }),
      log: options.upstreams.length === 1 ? deps.log : deps.log.child({ upstream: endpoint.text }),
      ...{ endpoint: endpoint.text, workerName: options.name, capacity: this.#capacity, leave: this.#leave.signal },
      ...{ clock, random, telemetry, agentEnvironment, exitOnRefusal: options.exitOnRefusal },
      standby: this.#places.standby,
      createInstance: (task, signal) => this.#places.instanceFor(task, signal),
      intake: () => this.#intake,
      onChange: () => this.#changed(),
      full: () => (this.#hasItsOne ? 'this worker runs a single task, and has it' : undefined),
      onAccepted: () => this.#onAccepted(),
      onRegistered: () => this.#onRegistered(),
      onTurn: () => link.progress(),
      onTrouble: (message) => health.set(key, message),
    });
  }

  /** Stops or resumes the intake of new tasks; the servers are told at once, and again until they take it. */
  setPaused(paused: boolean): void {
    const wanted = paused ? 'paused' : 'open';
    if (this.#intake === 'draining' || this.#intake === wanted) return;
    this.#setIntake(wanted);
  }

  #setIntake(intake: Intake): void {
    this.#intake = intake;
    this.#changed();
    for (const upstream of this.#upstreams) upstream.intakeChanged();
  }

  #drain(reason: string): void {
    if (this.#intake === 'draining') return;
    this.deps.log.info('no more tasks are taken', { reason, running: this.#running.map(({ id }) => id) });
    this.#setIntake('draining');
    void this.#places.close(); // no task will come for what stands by
  }

  /**
   * Serves until all servers have asked for shutdown, or refused (with `exitOnRefusal`), or until `stop` aborts: then no
   * task is taken any more, those that run may end, and are cancelled and reported after the drain's limit or when
   * `hurry` aborts. An ephemeral worker ends after its one task.
   */
  async run(stop: AbortSignal, hurry: AbortSignal): Promise<WorkerEnd> {
    const loops = new AbortController();
    const timers: (() => void)[] = [];
    let cancelled = false;
    const cancelNow = () => {
      cancelled = this.#cancelTasks() || cancelled;
      const limitMs = LAST_REPORTS_MS + (cancelled ? CANCEL_GRACE_MS : 0);
      timers.push(this.deps.clock.after(limitMs, () => this.#leave.abort()));
    };
    const onStop = () => {
      this.#drain('the worker was asked to stop');
      if (this.deps.drainMs === 0) cancelNow();
      else timers.push(this.deps.clock.after(this.deps.drainMs, cancelNow));
    };
    const onHurry = () => (cancelled ? this.#leave.abort() : cancelNow());
    whenAborted(stop, onStop);
    whenAborted(hurry, onHurry);
    this.#changed();
    const background = this.#places.run(loops.signal);
    const ends = await this.#serveAll(loops.signal);
    for (const cancel of timers) cancel();
    loops.abort();
    await Promise.all([background, this.#places.close()]);
    for (const client of this.#clients) client.close();
    if (cancelled) return 'tasks-cancelled';
    return ends.includes('refused') ? 'refused' : 'finished';
  }

  /** Resolves when every upstream has come to its end, its tasks with it. */
  #serveAll(signal: AbortSignal): Promise<LoopEnd[]> {
    const leave = AbortSignal.any([signal, this.#leave.signal]);
    return Promise.all(
      this.#upstreams.map(async (upstream) => {
        const end = await upstream.run(leave);
        await this.#idle(upstream, leave);
        await upstream.leave(this.options.ephemeral);
        return end;
      }),
    );
  }

  #cancelTasks(): boolean {
    const running = this.#running;
    if (running.length === 0) return false;
    this.deps.log.warn('cancelling what runs', { tasks: running.map(({ id }) => id) });
    for (const { tasks } of this.#upstreams) tasks.cancelAll('worker-stops');
    return true;
  }

  get #running() {
    return this.#upstreams.flatMap(({ tasks }) => tasks.list);
  }

  /** Resolves when nothing runs for that upstream, or when `signal` aborts. */
  #idle(upstream: ServedUpstream, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (upstream.busy && !signal.aborted) return;
        this.#idleWaiters.delete(check);
        signal.removeEventListener('abort', check);
        resolve();
      };
      this.#idleWaiters.add(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  #onAccepted(): void {
    if (!this.options.ephemeral) return;
    this.#hasItsOne = true;
    this.#drain('the one task of this worker has come');
  }

  #onRegistered(): void {
    if (!this.#registered) this.deps.link.registered();
    this.#registered = true;
  }

  #changed(): void {
    this.deps.link.state(this.#intake === 'open' ? 'open' : 'paused', this.#running);
    this.#places.consider();
    for (const check of [...this.#idleWaiters]) check();
  }

  #standbyChanged(): void {
    for (const upstream of this.#upstreams) upstream.standbyChanged();
  }
}

function whenAborted(signal: AbortSignal, run: () => void): void {
  if (signal.aborted) run();
  else signal.addEventListener('abort', run, { once: true });
}
