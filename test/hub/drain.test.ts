import { expect, test } from 'bun:test';
import { settle } from '../support/fake-clock.ts';
import { HubUnderTest, until } from './heart-harness.ts';
import { ScriptedWorker } from './scripted-worker.ts';

test('a hub on its way out answers held polls at once and hands out nothing more; what waits is for its next life', async () => {
  await using hub = await HubUnderTest.start();
  const worker = await ScriptedWorker.join(hub);
  const held = worker.poll();
  await until(() => hub.clock.pending > hub.idleTimers);
  hub.heart.release();
  expect((await held).tasksToStart).toEqual([]);
  const build = await hub.submit({ name: 'late' });
  expect((await worker.poll()).tasksToStart).toEqual([]);
  await settle();
  expect((await worker.poll()).tasksToStart).toEqual([]);
  expect((await hub.task(build.tasks[0]?.id ?? '')).status).toBe('TRIGGERED');
});

test('what was placed before is still delivered, and its reports are taken', async () => {
  await using hub = await HubUnderTest.start();
  const worker = await ScriptedWorker.join(hub);
  await hub.submit({ name: 'early' });
  const task = await worker.take();
  hub.heart.release();
  await worker.started(task);
  const agent = worker.agent(task);
  await agent.commands();
  expect(await agent.stream('main', 'the last words\n')).toBe('the last words\n'.length);
  await agent.finished({ name: 'main', status: 6 });
  await worker.stopped(task);
  expect((await hub.task(task.taskId)).status).toBe('COMPLETED');
});
