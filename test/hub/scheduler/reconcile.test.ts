import { expect, test } from 'bun:test';
import { DOUBT_MS, MAX_HANDOUTS, type PlacedTask, reconcile } from '../../../src/hub/scheduler/reconcile.ts';

const NOW = 100_000;
const task = (over: Partial<PlacedTask>): PlacedTask => ({
  id: 1,
  status: 'EXECUTING',
  session: 'here',
  handouts: 1,
  mustStop: false,
  ...over,
});

interface Expected {
  again?: number[];
  lost?: number[];
  freed?: number[];
  stop?: string[];
  doubt?: number[];
}

const long = NOW - DOUBT_MS;
test.each<[string, PlacedTask[], string[], [number, number][], Expected]>([
  ['what runs as it should', [task({})], ['1'], [], {}],
  ['missing for the first time: doubt', [task({})], [], [], { doubt: [1] }],
  ['missing again a moment later: still doubt', [task({})], [], [[1, long + 1]], { doubt: [1] }],
  ['missing for long: lost', [task({})], [], [[1, long]], { lost: [1] }],
  ['missing after a new registration: lost at once', [task({ session: 'before' })], [], [], { lost: [1] }],
  ['never started: handed out again', [task({ status: 'SCHEDULED' })], [], [[1, long]], { again: [1] }],
  ['never started, new registration: at once', [task({ status: 'SCHEDULED', session: 'x' })], [], [], { again: [1] }],
  [
    'never started, too often: lost',
    [task({ status: 'SCHEDULED', handouts: MAX_HANDOUTS })],
    [],
    [[1, long]],
    { lost: [1] },
  ],
  ['reported while scheduled: fine', [task({ status: 'SCHEDULED' })], ['1'], [[1, long]], {}],
  ['ended and gone: its place is free', [task({ status: 'COMPLETED' })], [], [], { freed: [1] }],
  ['ended and still closing: wait for its end', [task({ status: 'COMPLETED' })], ['1'], [], {}],
  ['ordered to stop', [task({ status: 'FAILED', mustStop: true })], ['1'], [], { stop: ['1'] }],
  ['a task that is not ours to run', [], ['9', 'odd'], [], { stop: ['9', 'odd'] }],
])('%s', (_title, placed, reported, missed, expected) => {
  const found = reconcile({
    placed,
    reported: new Set(reported),
    session: 'here',
    missedSince: new Map(missed),
    nowMs: NOW,
  });
  expect({
    again: found.handOutAgain,
    lost: found.lost.map(({ id }) => id),
    freed: found.freed,
    stop: found.stop,
    doubt: [...found.missedSince.keys()],
  }).toEqual({ again: [], lost: [], freed: [], stop: [], doubt: [], ...expected } as never);
});

test('doubt counts from the first poll that missed the task', () => {
  const { missedSince } = reconcile({
    placed: [task({})],
    reported: new Set(),
    session: 'here',
    missedSince: new Map([[1, NOW - 5]]),
    nowMs: NOW,
  });
  expect(missedSince.get(1)).toBe(NOW - 5);
});
