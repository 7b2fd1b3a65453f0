import { expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  clampPriority,
  MAX_PRIORITY,
  nextRound,
  ROUNDS_PER_PRIORITY,
  turnOf,
} from '../../../src/hub/scheduler/turns.ts';

interface Waiting {
  readonly id: number;
  readonly repository: number;
  readonly priority: number;
  readonly round: number;
}

/** A queue as the store keeps it, in memory. */
class Line {
  readonly #waiting: Waiting[] = [];
  #served = 0;
  #nextId = 1;

  add(repository: number, priority = 0): number {
    const rounds = this.#waiting
      .filter((task) => task.repository === repository && task.priority >= priority)
      .map(({ round }) => round);
    const last = rounds.length === 0 ? undefined : Math.max(...rounds);
    const task = { id: this.#nextId++, repository, priority, round: nextRound(this.#served, last) };
    this.#waiting.push(task);
    return task.id;
  }

  take(): Waiting | undefined {
    this.#waiting.sort((a, b) => turnOf(a.round, a.priority) - turnOf(b.round, b.priority) || a.id - b.id);
    const task = this.#waiting.shift();
    if (task !== undefined) this.#served = Math.max(this.#served, task.round);
    return task;
  }
}

const REPOSITORIES = 4;

test('whatever the others submit, a task waits for at most one of each repository for each of its own before it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: REPOSITORIES - 1 }), { maxLength: 60 }),
      fc.array(fc.array(fc.nat({ max: REPOSITORIES - 1 }), { maxLength: 6 }), { minLength: 1, maxLength: 40 }),
      fc.nat({ max: REPOSITORIES - 1 }),
      (before, flood, own) => {
        const line = new Line();
        for (const repository of before) line.add(repository);
        const victim = line.add(own);
        const ownBefore = before.filter((repository) => repository === own).length;
        const bound = (ownBefore + 1) * REPOSITORIES;
        for (let taken = 1; taken <= bound + REPOSITORIES; taken += 1) {
          for (const repository of flood[taken % flood.length] ?? []) line.add(repository);
          if (line.take()?.id === victim) return;
        }
        throw new Error(`not taken within ${bound + REPOSITORIES} turns`);
      },
    ),
  );
});

test('an endless stream of important tasks lets others through as well', () => {
  const line = new Line();
  const victim = line.add(1, 0);
  for (let turn = 0; turn < ROUNDS_PER_PRIORITY + 10; turn += 1) {
    line.add(2, 1);
    line.add(2, 1);
    if (line.take()?.id === victim) return expect(turn).toBeGreaterThan(10);
  }
  throw new Error('starved');
});

test('one repository alone is served in the order of submission', () => {
  const line = new Line();
  const ids = Array.from({ length: 20 }, () => line.add(1));
  expect(ids.map(() => line.take()?.id)).toEqual(ids);
});

test.each([
  [0, 0],
  [7.9, 7],
  [-3, -3],
  [1_000, MAX_PRIORITY],
  [-1_000, -MAX_PRIORITY],
  [Number.NaN, 0],
])('priority %p counts as %p', (asked, counted) => {
  expect(clampPriority(asked)).toBe(counted);
});
