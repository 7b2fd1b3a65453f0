import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { create } from '@bufbuild/protobuf';
import { DEFAULT_POOL_SETTINGS, type PoolSettings } from '../../src/hub/pool-model.ts';
import { replay } from '../../src/hub/scheduler/recorded-world.ts';
import { OTHER_WORKER_MS } from '../../src/hub/scheduler/schedule.ts';
import { Database } from '../../src/hub/store/database.ts';
import { decisionsAbout } from '../../src/hub/store/decisions.ts';
import { savePoolSettings } from '../../src/hub/store/pools.ts';
import { worldOfDecision } from '../../src/hub/store/worlds.ts';
import { PollRequestSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { DispatchWorld, type SimulatedWorker } from './dispatch-world.ts';
import { until } from './heart-harness.ts';

setDefaultTimeout(30_000); // virtual time, on a machine that others use as well

async function opened(settings: Partial<PoolSettings> = {}) {
  const store = await Database.open(':memory:');
  const world = await DispatchWorld.open(store);
  const all = { ...DEFAULT_POOL_SETTINGS, maxHoldSeconds: 0, queueLimitSeconds: 600, ...settings };
  await store.write((sql) => savePoolSettings(sql, 1, all));
  await world.hub.sweeper.sweep();
  return Object.assign(world, { [Symbol.asyncDispose]: () => store.close() });
}

const done = (status: 'COMPLETED' | 'FAILED' = 'COMPLETED') =>
  [{ name: 'main', status, exitCode: status === 'FAILED' ? 1 : 0, durationMs: 1, killed: false }] as const;

/** Polls, and runs all that came to its end. Gives the ids. */
async function runAll(
  world: DispatchWorld,
  worker: SimulatedWorker,
  status?: 'COMPLETED' | 'FAILED',
): Promise<string[]> {
  await world.poll(worker);
  const ids = [...worker.running.keys()];
  for (const id of ids) {
    await world.hub.life.started(Number(id));
    await world.hub.life.finished(Number(id), done(status));
    await world.hub.life.stopped(Number(id));
    worker.running.delete(id);
  }
  await world.rest();
  return ids;
}

const one = (ids: readonly (string | undefined)[]): string => {
  const [id] = ids;
  if (id === undefined) throw new Error('a task was expected');
  return id;
};
const whyOf = async (world: DispatchWorld, id: string) => {
  const why = await world.hub.explainer.why(Number(id));
  if (why === undefined) throw new Error('no such task');
  return why;
};

describe('a lost worker', () => {
  test('costs a run: the task runs again, preferably elsewhere, and once only', async () => {
    await using world = await opened();
    const [first, second] = [await world.join('a', {}, {}), await world.join('b', { more: 'labels' }, {})];
    const id = one(await world.submit([{ name: 'unit' }]));
    await world.poll(first);
    await world.hub.life.started(Number(id));
    await world.wait(65);
    const lost = await world.task(id);
    expect(lost).toMatchObject({ status: 'ABORTED', givenUp: true, slotHeld: false });
    expect((await whyOf(world, id)).reason).toContain(`it ran again as task ${lost.nextId}`);
    const again = String(lost.nextId);
    await world.poll(first); // back, but another is preferred
    expect(first.running.has(again)).toBe(false);
    expect(await whyOf(world, again)).toMatchObject({ kind: 'other-worker' });
    await world.poll(second);
    expect([...second.running.keys()]).toEqual([again]);
    await world.wait(65);
    expect(await world.task(again)).toMatchObject({ status: 'FAILED', nextId: null });
    expect((await world.task(again)).reason).toContain('the run before was lost as well');
  });

  test('gets its task back when no other comes', async () => {
    await using world = await opened();
    const only = await world.join('a', {}, {});
    const id = one(await world.submit([{ name: 'unit' }]));
    await world.poll(only);
    await world.hub.life.started(Number(id));
    await world.register(only);
    await world.poll(only); // named no more: lost
    const again = String((await world.task(id)).nextId);
    expect(only.running.size).toBe(0);
    await world.wait(OTHER_WORKER_MS / 1_000 + 5);
    await world.poll(only);
    expect([...only.running.keys()]).toEqual([again]);
  });

  test('that had begun a stateful task: people decide', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    const id = one(await world.submit([{ name: 'deploy' }]));
    await world.poll(worker);
    await world.hub.life.started(Number(id));
    await world.wait(65);
    expect(await world.task(id)).toMatchObject({ status: 'FAILED', nextId: null });
    const again = await world.hub.tasks.rerunTask(Number(id), 'ann');
    expect(await world.task(String(again))).toMatchObject({ status: 'TRIGGERED', run: 2, runCause: 'requested' });
    await expect(world.hub.tasks.rerunTask(Number(id), 'ann')).rejects.toThrow(`ran again as task ${again}`);
  });

  test('that still runs a task which was given up has no room for another', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    const id = one(await world.submit([{ name: 'unit' }]));
    await world.poll(worker);
    await world.wait(65);
    await world.submit([{ name: 'next' }]);
    await world.poll(worker, 'slow'); // told to stop it
    await world.poll(worker, 'slow');
    expect([...worker.running.keys()]).toEqual([id]);
    worker.running.clear();
    await world.poll(worker);
    expect(worker.running.size).toBe(1);
  });
});

describe('what keeps a task back', () => {
  test('a manual trigger, which does not keep the build open', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    const wish = { name: 'ship', properties: { trigger_type: 'manual' } };
    const [unit, ship] = await world.submit([{ name: 'unit' }, { ...wish, needs: ['unit'] }]);
    if (unit === undefined || ship === undefined) throw new Error('two tasks');
    expect(await whyOf(world, ship)).toMatchObject({ kind: 'dependencies', waitsFor: [{ name: 'unit' }] });
    expect(await runAll(world, worker)).toEqual([unit]);
    expect(await whyOf(world, ship)).toMatchObject({ kind: 'manual' });
    await expect(world.hub.tasks.triggerTask(Number(unit), 'ann')).rejects.toThrow('does not wait to be triggered');
    expect(await world.hub.tasks.triggerTask(Number(ship), 'ann')).toBe(true);
    expect(await runAll(world, worker)).toEqual([ship]);
  });

  test('its execution lock, in order, and no longer than its holder has a place', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, { vm: 9 });
    const wish = { resources: { vm: 1 }, properties: { execution_lock: 'prod' } };
    const [first, second] = await world.submit(
      [
        { name: 'x', ...wish },
        { name: 'y', ...wish },
      ],
      'acme/app',
    );
    const [other] = await world.submit([{ name: 'x', ...wish }], 'acme/lib');
    await world.poll(worker);
    expect([...worker.running.keys()].sort()).toEqual([first, other].sort() as string[]);
    expect(await whyOf(world, second ?? '')).toMatchObject({ kind: 'lock', lock: { name: 'prod', heldBy: first } });
    await world.hub.life.finished(Number(first), done());
    await world.poll(worker);
    expect(worker.running.has(second ?? '')).toBe(false);
    await world.hub.life.stopped(Number(first));
    worker.running.delete(first ?? '');
    await world.poll(worker);
    expect(worker.running.has(second ?? '')).toBe(true);
  });

  test('labels of its pull request, and nothing of that kind outside one', async () => {
    await using world = await opened();
    const wish = { name: 'unit', properties: { required_pr_labels: 'reviewed\nstaging' } };
    const pullRequest = { number: 7, labels: ['reviewed'] };
    const id = one(await world.submit([wish], 'acme/app', 'topic', { pullRequest }));
    const plain = one(await world.submit([wish], 'acme/app', 'topic'));
    expect((await world.task(plain)).status).toBe('TRIGGERED');
    expect(await whyOf(world, id)).toMatchObject({ kind: 'pr-labels', missingPullRequestLabels: ['staging'] });
    await world.hub.tasks.labelPullRequest('acme/other', 7, ['reviewed', 'staging']);
    expect((await world.task(id)).hold).toBe('pr-labels');
    await world.hub.tasks.labelPullRequest('acme/app', 7, ['reviewed', 'staging']);
    expect(await world.task(id)).toMatchObject({ status: 'TRIGGERED', hold: null });
  });

  test('labels and resources that nobody has, until the limit of the pool', async () => {
    await using world = await opened({ queueLimitSeconds: 60 });
    await world.join('a', { os: 'linux' }, { vm: 1 });
    const id = one(await world.submit([{ name: 'unit', labels: { os: 'plan9' } }]));
    const large = one(await world.submit([{ name: 'large', resources: { vm: 3 } }]));
    const why = await whyOf(world, id);
    expect(why).toMatchObject({
      kind: 'nobody',
      reason: 'no registered worker offers os=plan9',
      missingLabels: [{ name: 'os', value: 'plan9', offered: ['linux'] }],
      position: { place: 1, of: 1, exact: true },
    });
    expect(Date.parse(why.failsAt ?? '') - world.clock.wallMs()).toBeLessThanOrEqual(60_000);
    expect((await whyOf(world, large)).missingResources).toEqual([{ name: 'vm', wanted: 3, largest: 1 }]);
    await world.wait(70);
    expect((await world.task(id)).reason).toBe('no registered worker offers os=plan9, for 1m');
    expect((await world.task(large)).status).toBe('FAILED');
  });

  test('for ever where the pool wants that', async () => {
    await using world = await opened({ queueLimitSeconds: 0 });
    const id = one(await world.submit([{ name: 'unit', labels: { os: 'plan9' } }]));
    await world.wait(700);
    expect(await whyOf(world, id)).toMatchObject({ status: 'TRIGGERED', failsAt: null });
  });
});

describe('builds', () => {
  test('of a branch take the place of older ones, as far as the tasks allow', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    const auto = { properties: { auto_cancellation: 'true' } };
    const [gone, stays] = await world.submit([{ name: 'unit', ...auto }, { name: 'kept' }], 'acme/app', 'topic');
    const [elsewhere] = await world.submit([{ name: 'unit', ...auto }], 'acme/app', 'other');
    await world.poll(worker);
    await world.hub.life.started(Number(gone));
    const [fresh] = await world.submit([{ name: 'unit', ...auto }], 'acme/app', 'topic');
    expect(await world.task(gone ?? '')).toMatchObject({ status: 'ABORTED', mustStop: true, slotHeld: true });
    expect((await world.task(gone ?? '')).reason).toContain('of topic took its place');
    for (const id of [stays, elsewhere, fresh]) expect((await world.task(id ?? '')).status).toBe('TRIGGERED');
    await world.poll(worker);
    expect(worker.running.size).toBe(0); // it was told to stop it
  });

  test('take turns between repositories, one task each; priority is a number of turns', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    const many = Array.from({ length: 6 }, (_, index) => ({ name: `t${index}` }));
    const crowd = await world.submit(many, 'crowd');
    const [lonely, next] = await world.submit(many.slice(0, 2), 'lonely');
    const order: string[] = [];
    for (let turn = 0; turn < 8; turn += 1) order.push(...(await runAll(world, worker)));
    expect(order.slice(0, 4)).toEqual([crowd[0], lonely, crowd[1], next] as string[]);
    expect(order.slice(4)).toEqual(crowd.slice(2));
  });
});

test('a point of priority goes before a thousand turns', async () => {
  await using world = await opened();
  const worker = await world.join('a', {}, {});
  const low = await world.submit([{ name: 'l1' }, { name: 'l2' }], 'acme/app');
  const urgent = await world.submit([{ name: 'h1' }, { name: 'h2' }], 'acme/app', 'main', { priority: 1 });
  const order: string[] = [];
  for (let turn = 0; turn < 4; turn += 1) order.push(...(await runAll(world, worker)));
  expect(order).toEqual([...urgent, ...low]);
});

describe('people', () => {
  test('run the failed tasks of a build again, with what was aborted behind them', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    const ids = await world.submit([{ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'c', needs: ['b'] }]);
    await runAll(world, worker, 'FAILED');
    expect((await world.task(ids[2] ?? '')).status).toBe('ABORTED');
    await expect(world.hub.tasks.rerunTask(Number(ids[2]), 'ann')).rejects.toThrow('has to pass first');
    const { buildId } = await world.task(ids[0] ?? '');
    expect(await world.hub.tasks.rerunBuild(buildId, 'ann')).toBe(true);
    const names: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      for (const id of await runAll(world, worker)) names.push((await world.task(id)).name);
    }
    expect(names).toEqual(['a', 'b', 'c']);
    await expect(world.hub.tasks.rerunBuild(buildId, 'ann')).rejects.toThrow('has failed');
  });

  test('cancel a task before its worker has heard of it: it never does', async () => {
    await using world = await opened({ maxHoldSeconds: 20 });
    const worker = await world.join('a', {}, {});
    const request = create(PollRequestSchema, {});
    const poll = world.hub.desk.poll(world.member(worker), 's', request, new AbortController().signal);
    await until(() => world.member(worker).poll !== undefined);
    world.hub.fleet.wake = () => {}; // the answer is on its way
    const id = one(await world.submit([{ name: 'unit' }]));
    expect((await world.task(id)).status).toBe('SCHEDULED');
    await world.hub.tasks.cancelTask(Number(id), 'ann');
    world.member(worker).poll?.release();
    expect(await poll).toEqual({ start: [], stop: [] });
    expect(await world.task(id)).toMatchObject({ status: 'ABORTED', slotHeld: false });
  });

  test('cancel a build: what waits ends at once, what runs is stopped first', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    const [a, b] = await world.submit([{ name: 'a' }, { name: 'b' }]);
    await world.poll(worker);
    await world.hub.tasks.cancelBuild((await world.task(a ?? '')).buildId, 'ann');
    expect(await world.task(a ?? '')).toMatchObject({ status: 'ABORTED', slotHeld: true });
    expect(await world.task(b ?? '')).toMatchObject({ status: 'ABORTED', reason: 'cancelled by ann, with its build' });
    await expect(world.hub.tasks.rerunTask(Number(a), 'ann')).rejects.toThrow('still being stopped');
    await world.poll(worker);
    expect(await world.task(a ?? '')).toMatchObject({ slotHeld: false });
    expect(await world.hub.tasks.rerunTask(Number(a), 'ann')).toBeGreaterThan(0);
  });
});

describe('workers', () => {
  test('that register again and again get nothing until they have calmed down', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, {});
    for (let again = 0; again < 6; again += 1) await world.register(worker);
    const id = one(await world.submit([{ name: 'unit' }]));
    await world.poll(worker);
    expect(worker.running.size).toBe(0);
    expect((await whyOf(world, id)).reason).toContain('a is registering again and again');
    await world.wait(20);
    await world.poll(worker);
    expect(worker.running.size).toBe(1);
  });

  test('that say nonsense of what they use are believed as far as it makes sense', async () => {
    await using world = await opened();
    const worker = await world.join('a', {}, { vm: 2 });
    await world.submit([1, 2, 3].map((n) => ({ name: `t${n}`, resources: { vm: 1 } })));
    for (const used of [Number.NaN, -5, Number.POSITIVE_INFINITY, 0]) {
      const request = create(PollRequestSchema, {
        workerInfo: { labels: worker.record.labels, resourcesTotal: { vm: 2 } },
        runningTasks: [...worker.running.keys()],
        resourcesInUse: { vm: used },
      });
      const answer = await world.hub.desk.poll(world.member(worker), 's', request, new AbortController().signal);
      for (const task of answer.start) worker.running.set(task.taskId, { task, started: false });
    }
    expect(worker.running.size).toBe(2);
    expect(world.bugs).toEqual([]);
  });

  test('bound the time of a task by their pool', async () => {
    await using world = await opened({ maxTaskTimeoutSeconds: 120 });
    const worker = await world.join('a', {}, {});
    const id = one(await world.submit([{ name: 'unit', properties: { timeout_in: '600' } }]));
    await world.poll(worker);
    expect((await world.task(id)).timeoutSeconds).toBe(120);
  });
});

test('a decision can be replayed from what was recorded of it', async () => {
  await using world = await opened();
  const worker = await world.join('a', {}, { vm: 2 });
  const id = one(await world.submit([{ name: 'unit', resources: { vm: 1 } }], 'acme/app'));
  await world.poll(worker);
  const decisions = await world.store.read((sql) => decisionsAbout(sql, Number(id)));
  expect(decisions).toMatchObject([{ kind: 'placed', reason: 'the turn of acme/app; the only worker with room' }]);
  const text = await world.store.read((sql) => worldOfDecision(sql, Number(decisions[0]?.id)));
  const { recorded, replayed } = replay(text ?? '');
  expect(recorded).toMatchObject([{ kind: 'place', taskId: Number(id), workerId: worker.record.id }]);
  expect(replayed).toEqual(recorded);
});
