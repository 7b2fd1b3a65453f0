import { expect, test } from 'bun:test';
import { RunningTasks } from '../../src/worker/running-tasks.ts';
import { settle } from '../support/fake-clock.ts';

test('a task holds its resources exactly as long as it runs', async () => {
  const seen: number[] = [];
  const tasks: RunningTasks = new RunningTasks(() => seen.push(tasks.ids.length));
  const end = Promise.withResolvers<void>();
  expect(tasks.start('1', { cpu: 0.1 }, 5, () => end.promise)).toBe(true);
  expect(tasks.start('2', { cpu: 0.2, gpu: 1 }, 6, () => new Promise(() => {}))).toBe(true);
  expect(tasks.resourcesInUse).toEqual({ cpu: 0.3, gpu: 1 });
  expect(tasks.list).toEqual([
    { id: '1', startedAtMs: 5 },
    { id: '2', startedAtMs: 6 },
  ]);
  end.resolve();
  await settle();
  expect(tasks.ids).toEqual(['2']);
  expect(tasks.ended).toBe(1);
  expect(tasks.resourcesInUse).toEqual({ cpu: 0.2, gpu: 1 });
  expect(seen).toEqual([1, 2, 1]);
});

test('a second copy of a running task is not run', () => {
  const tasks = new RunningTasks(() => {});
  let runs = 0;
  const run = () => {
    runs += 1;
    return new Promise<void>(() => {});
  };
  expect(tasks.start('1', {}, 0, run)).toBe(true);
  expect(tasks.start('1', {}, 0, run)).toBe(false);
  expect(runs).toBe(1);
});

test('the first reason to cancel is the one that counts', () => {
  const tasks = new RunningTasks(() => {});
  let reason: unknown;
  tasks.start('1', {}, 0, (signal) => {
    signal.addEventListener('abort', () => {
      reason = signal.reason;
    });
    return new Promise(() => {});
  });
  tasks.cancel('unknown', 'server');
  tasks.cancel('1', 'server');
  tasks.cancelAll('worker-stops');
  expect(reason).toBe('server');
});
