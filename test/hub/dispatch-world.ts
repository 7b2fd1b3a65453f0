import { create } from '@bufbuild/protobuf';
import type { Dispatch } from '../../src/hub/dispatch.ts';
import { openDispatch } from '../../src/hub/dispatch.ts';
import type { Member } from '../../src/hub/member.ts';
import type { NewBuild } from '../../src/hub/model.ts';
import { DEFAULT_POOL_SETTINGS } from '../../src/hub/pool-model.ts';
import { noEffects, refreshBuild, tellEffects } from '../../src/hub/store/build-progress.ts';
import { insertBuild } from '../../src/hub/store/builds.ts';
import { localBus } from '../../src/hub/store/bus.ts';
import type { Database } from '../../src/hub/store/database.ts';
import { ensurePool, savePoolSettings } from '../../src/hub/store/pools.ts';
import { findTask, type TaskRecord } from '../../src/hub/store/tasks.ts';
import { saveWorker, type WorkerRecord } from '../../src/hub/store/workers.ts';
import type { Amounts } from '../../src/lib/amounts.ts';
import { createLogger } from '../../src/lib/log.ts';
import { PollRequestSchema, type PollResponse_AgentAwareTask } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { makeTasks, type TaskWish } from './heart-harness.ts';

/** A worker's process, as far as a hub can tell: what it runs, and how it is called. */
export interface SimulatedWorker {
  readonly record: WorkerRecord;
  session: number;
  /** Tasks that really run there; `started` once the hub has been told. */
  readonly running: Map<string, { readonly task: PollResponse_AgentAwareTask; started: boolean }>;
}

/** What gives out tasks, over a store, in virtual time and without a wire; it can be killed and started again. */
export class DispatchWorld {
  readonly clock = new FakeClock();
  hub!: Dispatch;
  #life = new AbortController();
  #bus = localBus();
  #serial = 0;
  readonly bugs: string[] = [];

  constructor(readonly store: Database) {}

  static async open(store: Database): Promise<DispatchWorld> {
    const world = new DispatchWorld(store);
    await store.write(async (sql) => {
      const pool = await ensurePool(sql, 'default', 1, 0);
      await savePoolSettings(sql, pool.id, { ...DEFAULT_POOL_SETTINGS, maxHoldSeconds: 0, queueLimitSeconds: 600 });
    });
    await world.start();
    return world;
  }

  async start(): Promise<void> {
    this.#life.abort();
    this.#life = new AbortController();
    const write = (line: string) => void this.bugs.push(line);
    const log = createLogger({ level: 'error', format: 'text', colour: false, write });
    this.#bus = localBus();
    const deps = { store: this.store, bus: this.#bus, hub: 'h', clock: this.clock, random: () => 0.5, log };
    this.hub = await openDispatch(deps, this.#life.signal);
  }

  /** Lets all that is under way come to its end. */
  async rest(): Promise<void> {
    await this.hub.scheduler.idle();
    await this.store.read(async () => {});
    await this.hub.scheduler.idle();
  }

  async join(name: string, labels: Record<string, string>, resources: Amounts): Promise<SimulatedWorker> {
    this.#serial += 1;
    const record: WorkerRecord = {
      id: this.#serial,
      poolId: 1,
      pool: 'default',
      name,
      labels: { name, ...labels },
      resources,
      disabled: false,
      draining: false,
      called: '',
      peer: '',
      ephemeral: false,
      lastSeenMs: 0,
    };
    const worker = { record, session: 0, running: new Map() };
    await this.register(worker);
    return worker;
  }

  /** The worker's process begins anew: whatever ran is gone. */
  async register(worker: SimulatedWorker): Promise<void> {
    worker.running.clear();
    worker.session += 1;
    await this.store.write((sql) => saveWorker(sql, worker.record));
    this.hub.fleet.join(worker.record);
  }

  member({ record }: SimulatedWorker): Member {
    const member = this.hub.fleet.get(record.id);
    if (member === undefined) throw new Error('the worker is not registered');
    return member;
  }

  /** One poll with all it brings; `lost`: the answer never arrives; `slow`: what it is to stop goes on for a while. */
  async poll(worker: SimulatedWorker, how: 'well' | 'lost' | 'slow' = 'well'): Promise<void> {
    const request = create(PollRequestSchema, {
      workerInfo: { labels: worker.record.labels, resourcesTotal: worker.record.resources },
      runningTasks: [...worker.running.keys()],
    });
    const session = `${worker.record.id}-${worker.session}`;
    const { start, stop } = await this.hub.desk.poll(
      this.member(worker),
      session,
      request,
      new AbortController().signal,
    );
    await this.rest();
    if (how === 'lost') return;
    for (const id of how === 'slow' ? [] : stop) {
      worker.running.delete(id);
      await this.hub.life.stopped(Number(id));
    }
    for (const task of start) {
      if (!worker.running.has(task.taskId)) worker.running.set(task.taskId, { task, started: false });
    }
    await this.rest();
  }

  async submit(
    wishes: readonly TaskWish[],
    repository = '',
    branch = 'main',
    more: Pick<NewBuild, 'pullRequest' | 'priority'> = {},
  ): Promise<string[]> {
    const { ids, time } = this.hub;
    const tasks = makeTasks(wishes);
    const minted = {
      buildId: ids.next(),
      tasks: tasks.map(() => ({ id: ids.next(), clientSecret: 'c', serverSecret: 's' })),
    };
    const effects = noEffects();
    await this.store.write(async (sql) => {
      const build = { branch, revision: 'r', message: 'm', treeId: 't', repository, tasks, ...more };
      await insertBuild(sql, build, minted, time.now().wallMs);
      await refreshBuild(sql, minted.buildId, time.now(), effects);
      await this.hub.tasks.supersede({ sql, now: time.now(), effects }, minted.buildId);
    });
    tellEffects(this.#bus, effects);
    await this.rest();
    return minted.tasks.map(({ id }) => String(id));
  }

  async task(id: string): Promise<TaskRecord> {
    const task = await this.store.read((sql) => findTask(sql, Number(id)));
    if (task === undefined) throw new Error(`no task ${id}`);
    return task;
  }

  /** Time passes, with sweeps as often as the hub makes them. */
  async wait(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 5) {
      await this.clock.advance(5_000);
      await this.hub.sweeper.sweep();
      await this.rest();
    }
  }
}
