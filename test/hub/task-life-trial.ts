import { deepEqual, match, notEqual, ok } from 'node:assert/strict';
import fc from 'fast-check';
import { couldEverFit, labelsMatch } from '../../src/hub/scheduler/matching.ts';
import { Database } from '../../src/hub/store/database.ts';
import { placedTasks, type TaskRecord } from '../../src/hub/store/tasks.ts';
import { checkState } from '../../src/hub/upkeep/check-state.ts';
import { type Amounts, addAmounts, amountsFit } from '../../src/lib/amounts.ts';
import { DispatchWorld, type SimulatedWorker } from './dispatch-world.ts';

/** What may happen, in the terms of docs/hub-task-life.md. Numbers choose a worker or a task among those there are. */
type Happening =
  | { readonly kind: 'submit'; readonly wish: number; readonly repository: string }
  | { readonly kind: 'poll'; readonly worker: number; readonly how: 'well' | 'lost' | 'slow' }
  | { readonly kind: 'start' | 'finish' | 'fail' | 'stop'; readonly worker: number; readonly task: number }
  | { readonly kind: 'restart-worker'; readonly worker: number }
  | { readonly kind: 'late'; readonly task: number }
  | { readonly kind: 'cancel' | 'rerun'; readonly task: number }
  | { readonly kind: 'kill-hub' }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'step-wall'; readonly hours: number };

const which = fc.nat({ max: 20 });
const happenings = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('submit'),
        wish: fc.nat({ max: 4 }),
        repository: fc.constantFrom('', 'a', 'b'),
      }),
    },
    {
      weight: 9,
      arbitrary: fc.record({
        kind: fc.constant('poll'),
        worker: which,
        how: fc.constantFrom('well', 'well', 'well', 'lost', 'slow'),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constantFrom('start', 'finish', 'fail', 'stop'), worker: which, task: which }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart-worker'), worker: which }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('late'), task: which }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('cancel', 'rerun'), task: which }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill-hub') }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait'), seconds: fc.constantFrom(5, 35, 65) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('step-wall'), hours: fc.constantFrom(-30, 30) }) },
  ) as fc.Arbitrary<Happening>,
  { minLength: 20, maxLength: 60 },
);

const WISHES = [
  [{ name: 'plain' }],
  [
    { name: 'one', resources: { vm: 1 } },
    { name: 'behind', needs: ['one'], resources: { vm: 2 } },
  ],
  [
    { name: 'tenths', resources: { cpu: 0.3 } },
    { name: 'more', resources: { cpu: 0.7, vm: 1 } },
  ],
  [
    { name: 'locked', properties: { execution_lock: 'l' } },
    { name: 'deploy', properties: { execution_lock: 'l' } },
  ],
  [{ name: 'nobody', labels: { os: 'plan9' } }],
] as const;

/** The run of the simulation, with what it has to remember in order to judge. */
class Trial {
  readonly ids: string[] = [];
  /** Results that the hub has acknowledged. */
  readonly acknowledged = new Map<string, TaskRecord['status']>();

  constructor(
    readonly world: DispatchWorld,
    readonly workers: readonly SimulatedWorker[],
  ) {}

  #worker(index: number): SimulatedWorker {
    const worker = this.workers[index % this.workers.length];
    if (worker === undefined) throw new Error('no workers');
    return worker;
  }

  async #newest(): Promise<void> {
    const rows = await this.world.store.read((sql) => sql<{ id: number }[]>`SELECT id FROM tasks ORDER BY id`);
    this.ids.splice(0, this.ids.length, ...rows.map(({ id }) => String(id)));
  }

  async happen(happening: Happening): Promise<void> {
    const { world } = this;
    await this.#newest();
    switch (happening.kind) {
      case 'submit':
        await world.submit(WISHES[happening.wish] ?? [], happening.repository);
        return;
      case 'poll':
        return world.poll(this.#worker(happening.worker), happening.how);
      case 'restart-worker':
        return world.register(this.#worker(happening.worker));
      case 'kill-hub':
        return world.start();
      case 'wait':
        return world.wait(happening.seconds);
      case 'step-wall':
        return world.clock.stepWall(happening.hours * 3_600_000);
      case 'late':
        return this.#late(this.ids[happening.task % Math.max(1, this.ids.length)]);
      case 'cancel':
      case 'rerun':
        return this.#byPeople(happening.kind, this.ids[happening.task % Math.max(1, this.ids.length)]);
      default:
        return this.#report(happening.kind, this.#worker(happening.worker), happening.task);
    }
  }

  async #byPeople(kind: 'cancel' | 'rerun', id: string | undefined): Promise<void> {
    if (id === undefined) return;
    const { tasks } = this.world.hub;
    if (kind === 'cancel') await tasks.cancelTask(Number(id), 'somebody');
    else await tasks.rerunTask(Number(id), 'somebody').catch(refusal);
    await this.world.rest();
  }

  /** An agent that lost touch reports after all. */
  async #late(id: string | undefined): Promise<void> {
    if (id === undefined) return;
    const before = await this.world.task(id);
    const { life } = this.world.hub;
    const results = [{ name: 'main', status: 'COMPLETED', exitCode: 0, durationMs: 1, killed: false } as const];
    if (!before.givenUp && before.slotHeld) return;
    const told = await life.finished(Number(id), results).then(
      () => 'taken',
      (error: { status: string }) => error.status,
    );
    deepEqual(told, before.givenUp ? 'FAILED_PRECONDITION' : 'taken');
    deepEqual(await this.world.task(id), before);
  }

  async #report(kind: 'start' | 'finish' | 'fail' | 'stop', worker: SimulatedWorker, index: number): Promise<void> {
    const [id, run] = [...worker.running][index % Math.max(1, worker.running.size)] ?? [];
    if (id === undefined || run === undefined) return;
    const { life } = this.world.hub;
    if (kind === 'start' || !run.started) {
      const accepted = await life.started(Number(id)).then(
        () => true,
        () => false,
      );
      if (accepted) run.started = true;
      else worker.running.delete(id); // as workers do when TaskStarted is refused
    } else if (kind === 'finish' || kind === 'fail') {
      const status = kind === 'finish' ? 'COMPLETED' : 'FAILED';
      const before = await this.world.task(id);
      const results = [
        { name: 'main', status, exitCode: kind === 'finish' ? 0 : 1, durationMs: 1, killed: false } as const,
      ];
      const taken = await life.finished(Number(id), results).then(
        () => true,
        () => false,
      );
      if (taken && before.status === 'EXECUTING') this.acknowledged.set(id, status);
    } else {
      await life.stopped(Number(id));
      worker.running.delete(id);
    }
    await this.world.rest();
  }

  async judge(): Promise<void> {
    const { store } = this.world;
    deepEqual(this.world.bugs, []);
    deepEqual(await store.read((sql) => checkState(sql, 'sqlite')), []);
    for (const [id, status] of this.acknowledged) deepEqual([id, (await this.world.task(id)).status], [id, status]);
    await this.#newest();
    for (const id of this.ids) {
      const task = await this.world.task(id);
      if (task.runCause !== 'lost' || task.previousId === null) continue;
      notEqual((await this.world.task(String(task.previousId))).runCause, 'lost');
    }
    for (const worker of this.workers) await this.#notOverbooked(worker);
  }

  async #notOverbooked({ record, running }: SimulatedWorker): Promise<void> {
    const placed = await this.world.store.read((sql) => placedTasks(sql, record.id));
    const real = await Promise.all([...running.keys()].map((id) => this.world.task(id)));
    for (const tasks of [placed, real]) {
      const used = tasks.map(({ resources }) => resources);
      const bare = used.some((amounts) => Object.keys(amounts).length === 0);
      if (bare || Object.keys(record.resources).length === 0)
        ok(used.length <= 1, `${record.name} runs ${used.length} tasks and may run one`);
      const sum = used.reduce<Amounts>(addAmounts, {});
      ok(amountsFit(sum, record.resources), `${record.name} is overbooked: ${JSON.stringify(sum)}`);
    }
  }

  /** All workers come back and do their work: whatever can end ends, and the rest says why it waits. */
  async comeToRest(): Promise<void> {
    for (let round = 0; round < 40; round += 1) {
      for (const worker of this.workers) {
        await this.world.poll(worker);
        for (let index = 0; index < 3 && worker.running.size > 0; index += 1) {
          for (const kind of ['start', 'finish', 'stop'] as const) await this.#report(kind, worker, 0);
        }
      }
      await this.world.wait(5);
    }
    await this.judge();
    for (const id of this.ids) {
      const task = await this.world.task(id);
      const why = await this.world.hub.explainer.why(Number(id));
      match(why?.reason ?? '', /\S/);
      if (why?.kind === 'ended') continue;
      const offered = this.workers.some(
        ({ record }) => labelsMatch(task.labels, record.labels) && couldEverFit(task, record),
      );
      deepEqual([task.name, task.status, why?.kind, offered], [task.name, task.status, 'nobody', false]);
    }
  }
}

const refusal = (error: unknown) => {
  if (!(error instanceof Error) || !('code' in error)) throw error;
};

async function live(list: readonly Happening[]): Promise<void> {
  const store = await Database.open(':memory:');
  try {
    const world = await DispatchWorld.open(store);
    const workers = [
      await world.join('bare', {}, {}),
      await world.join('large', {}, { vm: 2, cpu: 1 }),
      await world.join('small', { kind: 'small' }, { vm: 1, cpu: 1 }),
    ];
    const trial = new Trial(world, workers);
    for (const happening of list) {
      await trial.happen(happening);
      await trial.judge();
    }
    await trial.comeToRest();
  } finally {
    await store.close();
  }
}

/**
 * Lives of hubs, workers and tasks in which anything may happen, and what holds whatever happens: one live run of a task
 * at a time, at most one automatic re-run, nothing acknowledged is lost, no worker overbooked, and in the end every task
 * has ended or says why it waits. Rejects with the shortest life found that breaks one of these.
 */
export async function tryLives(count: number, seed: number): Promise<string> {
  await fc.assert(fc.asyncProperty(happenings, live), { numRuns: count, seed });
  return `lives of tasks: ${count}, seed ${seed}`;
}
