import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { explainQueue } from '../../../src/hub/scheduler/explain.ts';
import { couldEverFit, labelsMatch, type SchedulerWorker } from '../../../src/hub/scheduler/matching.ts';
import { recordWorld, replay } from '../../../src/hub/scheduler/recorded-world.ts';
import { OTHER_WORKER_MS, PATIENCE_MS, schedule } from '../../../src/hub/scheduler/schedule.ts';
import type { Placement, QueuedTask, World } from '../../../src/hub/scheduler/world.ts';
import { type Amounts, addAmounts, amountsFit } from '../../../src/lib/amounts.ts';

const worker = (id: number, over: Partial<SchedulerWorker> = {}): SchedulerWorker => ({
  id,
  name: `w${id}`,
  pool: 'default',
  labels: {},
  resources: {},
  state: 'online',
  ready: true,
  running: [],
  foreign: {},
  standby: '',
  endsInMs: null,
  ephemeral: false,
  ...over,
});

/** A task with what it wants; the world has it in the queue of those that want the same. */
type Wanting = QueuedTask & { labels: Record<string, string>; resources: Amounts; isolation: string };

const task = (id: number, over: Partial<Wanting> = {}): Wanting => ({
  id,
  repository: '',
  turn: 0,
  waitedMs: 0,
  avoid: null,
  stateful: false,
  labels: {},
  resources: {},
  isolation: '',
  ...over,
});

const queueId = ({ labels, resources, isolation }: Wanting) => JSON.stringify([labels, resources, isolation]);

function worldOf(tasks: Wanting[], workers: SchedulerWorker[], over: Partial<World> = {}, kept = new Map()): World {
  const queues = [...Map.groupBy(tasks, queueId)].map(([id, heads]) => {
    const { labels, resources, isolation } = heads[0] ?? task(0);
    const ordered = heads.toSorted((left, right) => left.turn - right.turn || left.id - right.id);
    return { id, labels, resources, isolation, heads: ordered, reserved: kept.get(id) ?? null };
  });
  return { queues, workers, pools: [], ...over };
}

const places = (decisions: readonly Placement[]) => decisions.filter(({ kind }) => kind === 'place');
const placed = (tasks: Wanting[], workers: SchedulerWorker[], over: Partial<World> = {}) =>
  places(schedule(worldOf(tasks, workers, over))).map(({ taskId, workerId }) => [taskId, workerId]);

const mac = { os: 'darwin', arch: 'arm64' };

describe('where a task goes', () => {
  test.each<[string, Wanting[], SchedulerWorker[], number[][]]>([
    ['to a worker without labels when it asks for none', [task(1)], [worker(7)], [[1, 7]]],
    ['only where every label matches', [task(1, { labels: mac })], [worker(7, { labels: { os: 'darwin' } })], []],
    ['where it matches exactly', [task(1, { labels: mac })], [worker(7), worker(8, { labels: mac })], [[1, 8]]],
    ['not where a value differs', [task(1, { labels: { os: 'mac' } })], [worker(7, { labels: mac })], []],
    ['to a plain machine rather than a special one', [task(1)], [worker(7, { labels: mac }), worker(8)], [[1, 8]]],
    [
      'to the least busy',
      [task(1, { resources: { cpu: 1 } })],
      [worker(7, { resources: { cpu: 4 }, running: [{ cpu: 1 }] }), worker(8, { resources: { cpu: 4 } })],
      [[1, 8]],
    ],
    ['not to one without an open poll', [task(1)], [worker(7, { ready: false })], []],
    ['not to one that is paused', [task(1)], [worker(7, { state: 'paused' })], []],
    ['one at a time without declared resources', [task(1), task(2)], [worker(7)], [[1, 7]]],
    ['not to an undeclared resource', [task(1, { resources: { cpu: 1 } })], [worker(7)], []],
    [
      'as many with resources as fit',
      [1, 2, 3].map((id) => task(id, { resources: { vm: 1 } })),
      [worker(7, { resources: { vm: 2 } })],
      [
        [1, 7],
        [2, 7],
      ],
    ],
    [
      'alone when it asks for no resources',
      [task(1), task(2, { resources: { vm: 1 } })],
      [worker(7, { resources: { vm: 2 } })],
      [[1, 7]],
    ],
    [
      'not beside one that asked for no resources',
      [task(1, { resources: { vm: 1 } })],
      [worker(7, { resources: { vm: 2 }, running: [{}] })],
      [],
    ],
    [
      'without resources, not beside one that has some',
      [task(1)],
      [worker(7, { resources: { vm: 2 }, running: [{ vm: 1 }] })],
      [],
    ],
    [
      'not into what the worker uses for another hub',
      [task(1, { resources: { vm: 1 } })],
      [worker(7, { resources: { vm: 2 }, foreign: { vm: 2 } })],
      [],
    ],
    [
      'tenths add up to a whole',
      Array.from({ length: 11 }, (_, id) => task(id, { resources: { cpu: 0.1 } })),
      [worker(7, { resources: { cpu: 1 } })],
      Array.from({ length: 10 }, (_, id) => [id, 7]),
    ],
    [
      'past a large one that does not fit yet',
      [task(1, { resources: { vm: 2 } }), task(2, { resources: { vm: 1 } })],
      [worker(7, { resources: { vm: 2 }, running: [{ vm: 1 }] })],
      [[2, 7]],
    ],
    [
      'not past a large one that has waited long',
      [task(1, { resources: { vm: 2 }, waitedMs: PATIENCE_MS }), task(2, { resources: { vm: 1 } })],
      [worker(7, { resources: { vm: 2 }, running: [{ vm: 1 }] })],
      [],
    ],
  ])('%s', (_title, queue, workers, expected) => {
    expect(placed(queue, workers)).toEqual(expected);
  });
});

describe('why a task waits', () => {
  const linux = worker(7, { labels: { os: 'linux' } });
  test.each<[Wanting, SchedulerWorker[], string, string]>([
    [task(1), [], 'nobody', 'no worker is registered'],
    [task(1, { labels: mac }), [linux], 'nobody', 'no registered worker offers os=darwin and arch=arm64'],
    [
      task(1, { labels: { os: 'linux', gpu: 'yes' } }),
      [linux, worker(8, { labels: { gpu: 'yes' } })],
      'nobody',
      'no registered worker offers os=linux and gpu=yes together',
    ],
    [
      task(1, { resources: { vm: 3 } }),
      [worker(7, { resources: { vm: 2 } })],
      'nobody',
      'no matching worker is large enough for 3 vm (the most that one has is 2)',
    ],
    [task(1), [worker(7, { state: 'offline' })], 'offline', 'no matching worker is available: w7 is offline'],
    [
      task(1),
      [worker(7, { state: 'offline' }), worker(8, { state: 'paused' })],
      'paused',
      'no matching worker is available: w7 is offline, w8 is paused',
    ],
    [task(1), [worker(7, { running: [{}] })], 'busy', 'waits for a free place on w7'],
    [
      task(1),
      [1, 2, 3, 4, 5].map((id) => worker(id, { running: [{}] })),
      'busy',
      'waits for a free place on w1, w2, w3 and 2 more',
    ],
  ])('%#', (waiting, workers, kind, text) => {
    expect(explainQueue(waiting, workers)).toEqual({ kind, reason: text } as never);
  });

  test('a worker that is kept free for an older task is named', () => {
    const workers = [worker(7, { resources: { vm: 2 }, running: [{ vm: 1 }] })];
    const why = explainQueue(task(2, { resources: { vm: 1 } }), workers, new Set([7]));
    expect(why).toEqual({ kind: 'reserved', reason: 'w7 is kept free for an older task' });
  });
});

describe('which task, and which worker', () => {
  test('the lowest turn goes first, whatever the age', () => {
    expect(placed([task(1, { turn: 5 }), task(2, { turn: 3 })], [worker(7)])).toEqual([[2, 7]]);
  });

  test('a pool that runs as many as it may gets no more', () => {
    const workers = [worker(7, { pool: 'small' }), worker(8, { pool: 'small' })];
    const pools = [{ pool: 'small', left: 1 }];
    expect(placed([task(1), task(2)], workers, { pools })).toEqual([[1, 7]]);
    expect(placed([task(1)], workers, { pools: [{ pool: 'small', left: 0 }] })).toEqual([]);
  });

  test('an ephemeral worker takes one task, whatever room it has', () => {
    const wish = { resources: { vm: 1 } };
    expect(placed([task(1, wish), task(2, wish)], [worker(7, { resources: { vm: 2 }, ephemeral: true })])).toEqual([
      [1, 7],
    ]);
  });

  test('the worker whose stand-by instance suits; else one that has none to lose', () => {
    const workers = [worker(6, { standby: 'other' }), worker(7), worker(8, { standby: 'tart', labels: mac })];
    expect(placed([task(1, { isolation: 'tart' })], workers)).toEqual([[1, 8]]);
    expect(placed([task(1, { isolation: 'vetu' })], workers)).toEqual([[1, 7]]);
    expect(placed([task(1)], [worker(6, { standby: 'other' })])).toEqual([[1, 6]]);
  });

  test('a stateful task goes where the machine lives longest', () => {
    const workers = [worker(6, { endsInMs: 60_000 }), worker(7, { endsInMs: 3_600_000 })];
    expect(placed([task(1, { stateful: true })], workers)).toEqual([[1, 7]]);
    expect(placed([task(1, { stateful: true })], [...workers, worker(8)])).toEqual([[1, 8]]);
    expect(placed([task(1)], workers)).toEqual([[1, 6]]);
  });

  test('after a loss, another worker; the same one when none has come for a while', () => {
    const lost = task(1, { avoid: 7 });
    expect(placed([lost], [worker(7), worker(8, { labels: mac })])).toEqual([[1, 8]]);
    expect(placed([lost], [worker(7)])).toEqual([]);
    expect(placed([lost, task(2)], [worker(7)])).toEqual([[2, 7]]);
    expect(placed([{ ...lost, waitedMs: OTHER_WORKER_MS }], [worker(7)])).toEqual([[1, 7]]);
  });

  test('one worker is kept free for a queue, not all of them', () => {
    const big = task(1, { resources: { vm: 2 }, waitedMs: PATIENCE_MS });
    const small = [2, 3].map((id) => task(id, { resources: { vm: 1 } }));
    const half = { resources: { vm: 2 }, running: [{ vm: 1 }] };
    const decisions = schedule(worldOf([big, ...small], [worker(7, half), worker(8, half)]));
    expect(decisions.map(({ kind, taskId, workerId }) => [kind, taskId, workerId])).toEqual([
      ['reserve', 1, 7],
      ['place', 2, 8],
    ]);
    const kept = new Map([[queueId(big), 8]]);
    const later = schedule(worldOf([big, ...small], [worker(7, half), worker(8, half)], {}, kept));
    expect(later.map(({ kind, taskId, workerId }) => [kind, taskId, workerId])).toEqual([['place', 2, 7]]);
  });
});

const amounts = fc.dictionary(fc.constantFrom('cpu', 'vm'), fc.constantFrom(0.1, 0.5, 1, 2, 3), { maxKeys: 2 });
const labels = fc.dictionary(fc.constantFrom('os', 'arch'), fc.constantFrom('a', 'b'), { maxKeys: 2 });
const isolation = fc.constantFrom('', '', 'tart', 'vetu');
const fleets = fc
  .array(
    fc.record({
      labels,
      resources: amounts,
      state: fc.constantFrom('online', 'offline', 'paused', 'unsteady'),
      ready: fc.boolean(),
      pool: fc.constantFrom('a', 'b'),
      standby: isolation,
      foreign: fc.constantFrom<Amounts>({}, {}, { cpu: 0.5 }),
      endsInMs: fc.constantFrom(null, 1_000, 9_000),
      ephemeral: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map((list) => list.map((over, index) => worker(index + 1, over as Partial<SchedulerWorker>)));
const queues = fc
  .array(
    fc.record({
      labels,
      resources: amounts,
      isolation,
      waitedMs: fc.constantFrom(0, OTHER_WORKER_MS, PATIENCE_MS),
      avoid: fc.constantFrom(null, null, 1, 2),
      stateful: fc.boolean(),
      turn: fc.integer({ min: -3, max: 3 }),
    }),
    { maxLength: 12 },
  )
  .map((list) => list.map((over, index) => task(index + 1, over)));
const rooms = fc.constantFrom<World['pools']>([], [{ pool: 'a', left: 1 }], [{ pool: 'b', left: 0 }]);

const total = (list: readonly Amounts[]) => list.reduce<Amounts>(addAmounts, {});

describe('whatever the queue and the fleet', () => {
  test('no worker gets more than it declared, or what it may not run, and no task is placed twice', () => {
    fc.assert(
      fc.property(queues, fleets, rooms, (queue, workers, pools) => {
        const decisions = places(schedule(worldOf(queue, workers, { pools })));
        const ids = decisions.map(({ taskId }) => taskId);
        expect(new Set(ids).size).toBe(ids.length);
        const wantOf = (taskId: number) => queue.find(({ id }) => id === taskId) ?? task(0);
        for (const one of workers) {
          const own = decisions.filter(({ workerId }) => workerId === one.id).map(({ taskId }) => wantOf(taskId));
          if (own.length === 0) continue;
          expect([one.ready, one.state]).toEqual([true, 'online']);
          for (const wish of own) expect(labelsMatch(wish.labels, one.labels)).toBe(true);
          const used = own.map(({ resources }) => resources);
          const bare = used.some((amount) => Object.keys(amount).length === 0);
          if (bare || Object.keys(one.resources).length === 0 || one.ephemeral) expect(own.length).toBe(1);
          // a worker that says it uses more for others than it has harms nobody who asks for none of that
          const asked = total(used);
          const others = Object.entries(one.foreign).filter(([name]) => Object.hasOwn(asked, name) && !bare);
          expect(amountsFit(addAmounts(asked, Object.fromEntries(others)), one.resources)).toBe(true);
        }
        for (const { pool, left } of pools) {
          const poolOf = (id: number) => workers.find((one) => one.id === id)?.pool;
          expect(decisions.filter(({ workerId }) => poolOf(workerId) === pool).length).toBeLessThanOrEqual(left);
        }
      }),
    );
  });

  test('within a queue nobody overtakes, but past one that waits for another worker', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, workers) => {
        const world = worldOf(queue, workers);
        const taken = new Set(places(schedule(world)).map(({ taskId }) => taskId));
        for (const { heads } of world.queues) {
          const last = heads.findLastIndex(({ id }) => taken.has(id));
          for (const left of heads.slice(0, Math.max(0, last)).filter(({ id }) => !taken.has(id))) {
            expect(left.avoid).not.toBeNull();
          }
        }
      }),
    );
  });

  test('what is recorded of a world gives the same decisions again', () => {
    fc.assert(
      fc.property(queues, fleets, rooms, (queue, workers, pools) => {
        const world = worldOf(queue, workers, { pools });
        const decisions = schedule(world);
        const text = recordWorld(world, decisions);
        if (text === undefined) throw new Error('so small a world is always recorded');
        const { recorded, replayed } = replay(text);
        expect(recorded).toEqual(decisions);
        expect(replayed).toEqual(decisions);
      }),
    );
  });

  test('the first in line goes at once to an idle worker that could ever take it', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, workers) => {
        const [first] = queue.toSorted((left, right) => left.turn - right.turn || left.id - right.id);
        if (first === undefined || first.avoid !== null) return;
        const can = workers.some(
          (one) =>
            one.ready &&
            one.state === 'online' &&
            Object.keys(one.foreign).length === 0 &&
            labelsMatch(first.labels, one.labels) &&
            couldEverFit(first, one),
        );
        if (can) expect(placed(queue, workers).some(([id]) => id === first.id)).toBe(true);
      }),
    );
  });

  test('a task that some worker could take is never starved by a flow of others', () => {
    fc.assert(
      fc.property(
        fleets,
        amounts,
        labels,
        fc.array(amounts, { minLength: 1, maxLength: 3 }),
        (fleet, wants, asks, flow) => {
          const workers = fleet.map((one) => ({ ...one, ready: true, state: 'online' as const, foreign: {} }));
          const victim = task(1, { resources: wants, labels: asks });
          if (!workers.some((one) => labelsMatch(asks, one.labels) && couldEverFit(victim, one))) return;
          expect(roundsUntilPlaced(victim, workers, flow)).toBeLessThan(40);
        },
      ),
    );
  });
});

/** Each round lasts half the patience; a task runs for two rounds; one new task of each kind arrives in each. */
function roundsUntilPlaced(victim: Wanting, workers: SchedulerWorker[], flow: Amounts[]): number {
  const running: { workerId: number; resources: Amounts; untilRound: number }[] = workers.map(({ id, resources }) => ({
    workerId: id,
    resources,
    untilRound: 2,
  }));
  const kept = new Map<string, number>();
  let queue: Wanting[] = [victim];
  let nextId = 2;
  for (let round = 0; round < 50; round += 1) {
    for (const resources of flow) queue.push(task(nextId++, { resources }));
    const busy = running.filter(({ untilRound }) => untilRound > round);
    const fleet = workers.map((one) => ({
      ...one,
      running: busy.filter(({ workerId }) => workerId === one.id).map(({ resources }) => resources),
    }));
    const gone = new Set<number>();
    for (const { kind, taskId, workerId } of schedule(worldOf(queue, fleet, {}, kept))) {
      const wanting = queue.find(({ id }) => id === taskId) ?? victim;
      if (kind === 'reserve') {
        kept.set(queueId(wanting), workerId);
        continue;
      }
      if (taskId === victim.id) return round;
      kept.delete(queueId(wanting));
      gone.add(taskId);
      running.push({ workerId, resources: wanting.resources, untilRound: round + 2 });
    }
    queue = queue
      .filter(({ id }) => !gone.has(id))
      .map((one) => ({ ...one, waitedMs: one.waitedMs + PATIENCE_MS / 2 }));
  }
  return 50;
}
