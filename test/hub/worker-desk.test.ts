import { describe, expect, test } from 'bun:test';
import { GRACE_MS, SILENCE_MS } from '../../src/hub/fleet.ts';
import { DOUBT_MS } from '../../src/hub/scheduler/reconcile.ts';
import { decisionsAbout } from '../../src/hub/store/decisions.ts';
import { HOLD_MS } from '../../src/hub/worker-desk.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { HubUnderTest, until } from './heart-harness.ts';
import { completed, executing, ScriptedWorker } from './scripted-worker.ts';

const HOUR_MS = 3_600_000;

/** Waits until a poll is held: its timer has joined those of the hub's regular work. */
const held = (hub: HubUnderTest, polls = 1) => until(() => hub.clock.pending >= hub.idleTimers + polls);

describe('a poll', () => {
  test('is held for twenty seconds when there is nothing to do', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    let answered = false;
    const poll = worker.poll().finally(() => {
      answered = true;
    });
    await held(hub);
    await hub.clock.advance(HOLD_MS - 1);
    expect(answered).toBe(false);
    await hub.clock.advance(1);
    expect(await poll).toMatchObject({ tasksToStart: [], tasksToStop: [], pollIntervalInSeconds: 1, shutdown: false });
  });

  test('is answered at once when a task comes', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const poll = worker.poll();
    await held(hub);
    const build = await hub.submit({ name: 'unit' });
    expect((await poll).tasksToStart[0]?.taskId).toBe(build.tasks[0]?.id ?? '');
  });

  test('is answered at once when a task ended there', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await worker.started(task);
    const poll = worker.poll([task.taskId]);
    await held(hub);
    await worker.stopped(task);
    expect((await poll).tasksToStart).toEqual([]);
  });

  test('makes room for a newer one of the same worker', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const first = worker.poll();
    await held(hub);
    const second = worker.poll();
    await first;
    await hub.submit({ name: 'unit' });
    expect((await second).tasksToStart).toHaveLength(1);
  });

  test('that was cut off leaves its task to the next one', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const cut = new AbortController();
    const gone = worker.poll([], {}, cut.signal).catch(() => 'cut');
    await held(hub);
    cut.abort();
    expect(await gone).toBe('cut');
    await until(() => hub.clock.pending === hub.idleTimers); // the hub has noticed
    await hub.submit({ name: 'unit' });
    expect(await worker.take()).toMatchObject({ resourcesToUse: {} });
  });

  test('stops what the hub does not know, in both forms, and says so once in a hurry', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    expect(await worker.poll(['42', 'odd'])).toMatchObject({ tasksToStop: ['42', 'odd'], oldTaskIdsToStop: [42n] });
    const again = worker.poll(['42', 'odd']);
    await held(hub);
    await hub.clock.advance(HOLD_MS);
    expect((await again).tasksToStop).toEqual(['42', 'odd']);
  });

  test('tells new labels and resources', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub, 'mac-1', {}, { vm: 1 });
    const build = await hub.submit({ name: 'unit', labels: { xcode: '17' }, resources: { vm: 2 } });
    await until(
      async () => (await hub.task(build.tasks[0]?.id ?? '')).reason === 'no registered worker offers xcode=17',
    );
    const better = new ScriptedWorker(worker.client, 'mac-1', { xcode: '17' }, { vm: 2 });
    better.sessionToken = worker.sessionToken;
    expect((await better.poll()).tasksToStart).toHaveLength(1);
    expect((await hub.heart.core.listWorkers())[0]).toMatchObject({ labels: { xcode: '17' }, resources: { vm: 2 } });
  });

  test('keeps what the worker uses for other hubs free', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub, 'mac-1', {}, { vm: 2 });
    await hub.submit({ name: 'unit', resources: { vm: 2 } });
    const poll = worker.poll([], { vm: 1 });
    await held(hub);
    await hub.clock.advance(HOLD_MS);
    expect((await poll).tasksToStart).toEqual([]);
    expect((await worker.poll([], { vm: 0 })).tasksToStart).toHaveLength(1);
  });
});

describe('what one exchange lost shows in the next', () => {
  test('a task that the worker never got is handed out again', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit' });
    const lost = await worker.take();
    const doubt = worker.poll();
    await held(hub);
    await hub.clock.advance(DOUBT_MS);
    expect((await doubt).tasksToStart).toEqual([]);
    expect(await worker.take()).toEqual(lost);
    const decisions = await hub.store.read((sql) => decisionsAbout(sql, Number(lost.taskId)));
    expect(decisions.map(({ kind }) => kind)).toEqual(['placed', 'handed-out-again']);
  });

  test('a worker that was restarted gets it at once, and what it ran runs again', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub, 'mac-1', {}, { vm: 2 });
    await hub.submit({ name: 'a', resources: { vm: 1 } }, { name: 'b', resources: { vm: 1 } });
    const [a, b] = (await worker.poll()).tasksToStart;
    if (a === undefined || b === undefined) throw new Error('two tasks were expected');
    await worker.started(a);
    await worker.register();
    expect((await worker.poll()).tasksToStart).toEqual([b]);
    expect(await hub.task(a.taskId)).toMatchObject({
      status: 'ABORTED',
      reason: expect.stringContaining('no longer runs it'),
      nextRun: expect.any(String),
    });
  });

  test('a place is free when the worker no longer names an ended task, TaskStopped or not', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'a' }, { name: 'b' });
    const a = await worker.take();
    await worker.started(a);
    await worker.agent(a).finished(completed());
    expect((await worker.take()).taskId).not.toBe(a.taskId);
  });
});

describe('time passes', () => {
  test('a silent worker is offline and its tasks run again; back again, it is told to stop them', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const build = await hub.submit({ name: 'unit' }, { name: 'next', needs: ['unit'] });
    const task = await worker.take();
    await worker.started(task);
    await hub.clock.advance(SILENCE_MS - 5_000);
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'EXECUTING' });
    await hub.clock.advance(10_000);
    await until(async () => (await hub.task(task.taskId)).status === 'ABORTED');
    const { reason, nextRun } = await hub.task(task.taskId);
    expect(reason).toBe(`worker mac-1 was not heard of for 1m; it runs again as task ${nextRun}`);
    expect((await hub.heart.core.listWorkers())[0]?.online).toBe(false);
    const after = await hub.heart.core.getBuild(build.id);
    expect(after).toMatchObject({ status: 'EXECUTING', earlierRuns: [{ id: task.taskId }] });
    expect(after?.tasks).toMatchObject([
      { id: nextRun, status: 'TRIGGERED', run: 2, runCause: 'lost', previousRun: task.taskId },
      { name: 'next', status: 'CREATED', dependsOn: [nextRun] },
    ]);
    expect((await worker.poll([task.taskId])).tasksToStop).toEqual([task.taskId]);
    expect((await hub.heart.core.listWorkers())[0]?.online).toBe(true);
  });

  test('a step of the wall clock neither fails a task nor silences a worker', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit' });
    const task = await worker.take();
    await worker.started(task);
    const poll = worker.poll([task.taskId]);
    await held(hub);
    await hub.clock.advance(6_000); // the sweeper has seen it
    hub.clock.stepWall(30 * HOUR_MS);
    await hub.clock.advance(6_000);
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'EXECUTING' });
    await hub.clock.advance(HOLD_MS);
    expect((await poll).tasksToStop).toEqual([]);
  });

  test('a task far over its time is stopped through the poll and has failed', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    await hub.submit({ name: 'unit', properties: { timeout_in: '60' } });
    const task = await worker.take();
    await worker.started(task);
    await worker.agent(task).updates(executing());
    for (let waitedMs = 0; waitedMs < 7 * 60_000; waitedMs += HOLD_MS) {
      const poll = worker.poll([task.taskId]);
      await held(hub);
      await hub.clock.advance(HOLD_MS);
      expect((await poll).tasksToStop).toEqual([]);
    }
    const poll = worker.poll([task.taskId]);
    await held(hub);
    await hub.clock.advance(15_000);
    expect((await poll).tasksToStop).toEqual([task.taskId]);
    const view = await hub.task(task.taskId);
    expect(view).toMatchObject({ status: 'FAILED', reason: expect.stringContaining('after its timeout of 1m') });
    expect((await hub.heart.core.listWorkers())[0]?.runningTasks).toEqual([task.taskId]); // its place is not free yet
    await worker.agent(task).finished(completed());
    await worker.stopped(task);
    expect((await hub.task(task.taskId)).status).toBe('FAILED');
  });

  test('a task that nobody can take fails after the queue limit of hub time, and says what is missing', async () => {
    using folder = tempFolder();
    const before = await HubUnderTest.start(`${folder.path}/hub.db`);
    await ScriptedWorker.join(before);
    await before.heart.administration.updatePool('default', { queueLimitSeconds: 60 });
    const id = (await before.submit({ name: 'unit', labels: { os: 'plan9' } })).tasks[0]?.id ?? '';
    await until(async () => (await before.task(id)).reason === 'no registered worker offers os=plan9');
    await before.clock.advance(6_000);
    before.clock.stepWall(48 * HOUR_MS); // the wall clock alone is no day
    await before.clock.advance(6_000);
    expect((await before.task(id)).status).toBe('TRIGGERED');
    await before.stop();
    await using hub = await HubUnderTest.start(`${folder.path}/hub.db`, before.clock);
    await hub.clock.advance(6_000); // two days of wall time without a hub were no day either
    expect((await hub.task(id)).status).toBe('TRIGGERED');
    await hub.clock.advance(60_000);
    await until(async () => (await hub.task(id)).status === 'FAILED');
    expect((await hub.task(id)).reason).toBe('no registered worker offers os=plan9, for 1m');
  });
});

describe('after a restart of the hub', () => {
  test('session, task and worker go on; a lost worker gets a grace period', async () => {
    using folder = tempFolder();
    const path = `${folder.path}/hub.db`;
    const before = await HubUnderTest.start(path);
    const worker = await ScriptedWorker.join(before);
    const silent = await ScriptedWorker.join(before, 'mac-2');
    await before.submit({ name: 'a' }, { name: 'b' });
    const task = await worker.take();
    const other = await silent.take();
    for (const [who, what] of [
      [worker, task],
      [silent, other],
    ] as const)
      await who.started(what);
    await before.stop();
    await using hub = await HubUnderTest.start(path, before.clock);
    await hub.clock.advance(SILENCE_MS + 10_000);
    const back = new ScriptedWorker(hub.client(), 'mac-1');
    back.sessionToken = worker.sessionToken;
    const poll = back.poll([task.taskId]);
    await held(hub);
    await back.agent(task).finished(completed());
    await back.stopped(task);
    await poll;
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'COMPLETED' });
    expect(await hub.task(other.taskId)).toMatchObject({ status: 'EXECUTING' });
    await hub.clock.advance(GRACE_MS - SILENCE_MS);
    await until(async () => (await hub.task(other.taskId)).status === 'ABORTED');
  });

  test('a task that was assigned and never answered is handed out', async () => {
    using folder = tempFolder();
    const path = `${folder.path}/hub.db`;
    const before = await HubUnderTest.start(path);
    const worker = await ScriptedWorker.join(before);
    await before.submit({ name: 'a' });
    const task = await worker.take(); // as if this answer had been lost with the hub
    await before.stop();
    await using hub = await HubUnderTest.start(path, before.clock);
    const back = new ScriptedWorker(hub.client(), 'mac-1');
    back.sessionToken = worker.sessionToken;
    const doubt = back.poll();
    await held(hub);
    await hub.clock.advance(DOUBT_MS);
    await doubt;
    expect(await back.take()).toEqual(task);
  });
});
