import { expect, test } from 'bun:test';
import { RunningTasks } from '../../src/worker/running-tasks.ts';
import { settle } from '../support/fake-clock.ts';

test('a task is there exactly as long as its run, however that ends', async () => {
  const seen: number[] = [];
  const tasks: RunningTasks = new RunningTasks(() => seen.push(tasks.ids.length));
  const end = Promise.withResolvers<void>();
  const reported = Promise.withResolvers<void>();
  tasks.start('1', 5, async () => {
    await end.promise;
    return () => reported.promise;
  });
  tasks.start('2', 6, () => new Promise(() => {}));
  expect(tasks.list).toEqual([
    { id: '1', startedAtMs: 5 },
    { id: '2', startedAtMs: 6 },
  ]);
  expect([tasks.has('1'), tasks.has('3')]).toEqual([true, false]);
  expect(tasks.settled).toBeUndefined();
  end.resolve();
  await settle();
  expect(tasks.ids).toEqual(['1', '2']);
  const { settled } = tasks;
  reported.resolve();
  await settled;
  expect(tasks.ids).toEqual(['2']);
  expect(seen).toEqual([1, 2, 1]);
});

test('the first reason to cancel is the one that counts', () => {
  const tasks = new RunningTasks(() => {});
  let reason: unknown;
  tasks.start('1', 0, (signal) => {
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
