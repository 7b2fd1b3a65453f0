import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { assign, PATIENCE_MS } from '../../../src/hub/scheduler/assign.ts';
import {
  couldEverFit,
  labelsMatch,
  type QueuedTask,
  type SchedulerWorker,
} from '../../../src/hub/scheduler/matching.ts';
import { type Amounts, addAmounts, amountsFit } from '../../../src/lib/amounts.ts';

const worker = (id: number, over: Partial<SchedulerWorker> = {}): SchedulerWorker => ({
  id,
  name: `w${id}`,
  labels: {},
  resources: {},
  state: 'online',
  ready: true,
  running: [],
  foreign: {},
  ...over,
});
const task = (id: number, over: Partial<QueuedTask> = {}): QueuedTask => ({
  id,
  labels: {},
  resources: {},
  waitedMs: 0,
  ...over,
});
const placed = (queue: QueuedTask[], workers: SchedulerWorker[]) =>
  assign(queue, workers).assignments.map(({ taskId, workerId }) => [taskId, workerId]);
const reason = (queue: QueuedTask[], workers: SchedulerWorker[], id: number) => assign(queue, workers).waiting.get(id);

const mac = { os: 'darwin', arch: 'arm64' };

describe('where a task goes', () => {
  test.each<[string, QueuedTask[], SchedulerWorker[], number[][]]>([
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
  test.each<[QueuedTask, SchedulerWorker[], string, string]>([
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
    expect(reason([waiting], workers, 1)).toEqual({ kind, reason: text } as never);
  });

  test('a worker that is kept free for an older task is named', () => {
    const queue = [task(1, { resources: { vm: 2 }, waitedMs: PATIENCE_MS }), task(2, { resources: { vm: 1 } })];
    const workers = [worker(7, { resources: { vm: 2 }, running: [{ vm: 1 }] })];
    expect(reason(queue, workers, 2)).toEqual({ kind: 'reserved', reason: 'w7 is kept free for an older task' });
  });
});

const amounts = fc.dictionary(fc.constantFrom('cpu', 'vm'), fc.constantFrom(0.1, 0.5, 1, 2, 3), { maxKeys: 2 });
const labels = fc.dictionary(fc.constantFrom('os', 'arch'), fc.constantFrom('a', 'b'), { maxKeys: 2 });
const fleets = fc
  .array(
    fc.record({
      labels,
      resources: amounts,
      state: fc.constantFrom('online', 'offline', 'paused'),
      ready: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map((list) => list.map((over, index) => worker(index + 1, over as Partial<SchedulerWorker>)));
const queues = fc
  .array(fc.record({ labels, resources: amounts, waitedMs: fc.constantFrom(0, PATIENCE_MS) }), { maxLength: 12 })
  .map((list) => list.map((over, index) => task(index + 1, over)));

const total = (list: readonly Amounts[]) => list.reduce<Amounts>(addAmounts, {});

function withPlan(queue: QueuedTask[], workers: SchedulerWorker[]) {
  const plan = assign(queue, workers);
  const after = workers.map((one) => ({
    ...one,
    running: plan.assignments.flatMap(({ taskId, workerId }) =>
      workerId === one.id ? [queue.find(({ id }) => id === taskId)?.resources ?? {}] : [],
    ),
  }));
  return { plan, after };
}

describe('whatever the queue and the fleet', () => {
  test('no worker gets more than it declared, or what it may not run', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, workers) => {
        const { plan, after } = withPlan(queue, workers);
        for (const { resources, running, ready, state } of after) {
          if (running.length > 0) expect([ready, state]).toEqual([true, 'online']);
          const bare = running.some((used) => Object.keys(used).length === 0);
          if (bare || Object.keys(resources).length === 0) expect(running.length).toBeLessThanOrEqual(1);
          expect(amountsFit(total(running), resources)).toBe(true);
        }
        for (const { taskId, workerId } of plan.assignments) {
          const wanted = queue.find(({ id }) => id === taskId)?.labels ?? {};
          expect(labelsMatch(wanted, workers.find(({ id }) => id === workerId)?.labels ?? {})).toBe(true);
        }
      }),
    );
  });

  test('every task is either placed once or told why it waits', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, workers) => {
        const plan = assign(queue, workers);
        const ids = [...plan.assignments.map(({ taskId }) => taskId), ...plan.waiting.keys()];
        expect(ids.sort((a, b) => a - b)).toEqual(queue.map(({ id }) => id));
        for (const { reason: text } of plan.waiting.values()) expect(text).not.toBe('');
      }),
    );
  });

  test('the first in line goes at once to an idle worker that could ever take it', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, workers) => {
        const [first] = queue;
        if (first === undefined) return;
        const can = workers.some(
          (one) =>
            one.ready && one.state === 'online' && labelsMatch(first.labels, one.labels) && couldEverFit(first, one),
        );
        expect(assign(queue, workers).assignments.some(({ taskId }) => taskId === first.id)).toBe(can);
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
          const workers = fleet.map((one) => ({ ...one, ready: true, state: 'online' as const }));
          const victim = task(1, { resources: wants, labels: asks });
          if (!workers.some((one) => labelsMatch(asks, one.labels) && couldEverFit(victim, one))) return;
          expect(roundsUntilPlaced(victim, workers, flow)).toBeLessThan(40);
        },
      ),
    );
  });
});

/** Each round lasts half the patience; a task runs for two rounds; one new task of each kind arrives in each. */
function roundsUntilPlaced(victim: QueuedTask, workers: SchedulerWorker[], flow: Amounts[]): number {
  const running: { workerId: number; resources: Amounts; untilRound: number }[] = workers.map(({ id, resources }) => ({
    workerId: id,
    resources,
    untilRound: 2,
  }));
  let queue: QueuedTask[] = [victim];
  let nextId = 2;
  for (let round = 0; round < 50; round += 1) {
    for (const resources of flow) queue.push(task(nextId++, { resources }));
    const busy = running.filter(({ untilRound }) => untilRound > round);
    const fleet = workers.map((one) => ({
      ...one,
      running: busy.filter(({ workerId }) => workerId === one.id).map(({ resources }) => resources),
    }));
    const { assignments } = assign(queue, fleet);
    if (assignments.some(({ taskId }) => taskId === victim.id)) return round;
    for (const { taskId, workerId } of assignments) {
      const resources = queue.find(({ id }) => id === taskId)?.resources ?? {};
      running.push({ workerId, resources, untilRound: round + 2 });
    }
    const gone = new Set(assignments.map(({ taskId }) => taskId));
    queue = queue
      .filter(({ id }) => !gone.has(id))
      .map((one) => ({ ...one, waitedMs: one.waitedMs + PATIENCE_MS / 2 }));
  }
  return 50;
}
