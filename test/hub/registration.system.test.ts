import { describe, expect, test } from 'bun:test';
import { SILENCE_MS } from '../../src/hub/fleet.ts';
import { judgeName } from '../../src/hub/name-claim.ts';
import { CirrusWorkersService } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../../src/rpc/metadata.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { HubUnderTest, POOL_TOKEN } from './heart-harness.ts';
import { ScriptedWorker } from './scripted-worker.ts';

const workers = CirrusWorkersService.method;

async function refusalOf(call: Promise<unknown>): Promise<RpcError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a name that a worker has', () => {
  const holder = { labels: { hostname: 'rack-7', 'instance-id': 'i-1' }, peer: '10.0.0.7:4000', silent: false };
  test.each([
    ['the same instance', holder, { 'instance-id': 'i-1' }, 'free'],
    ['another instance', holder, { 'instance-id': 'i-2' }, 'taken'],
    ['no instance id', holder, {}, 'taken'],
    ['an empty one on both sides', { ...holder, labels: { 'instance-id': '' } }, { 'instance-id': '' }, 'taken'],
    ['the holder missed its deadline', { ...holder, silent: true }, {}, 'free'],
  ] as const)('%s', (_title, held, labels, kind) => {
    expect(judgeName(held, labels, 12_000).kind).toBe(kind);
  });

  test.each([
    [holder, 'is taken by the worker on rack-7, whose last poll was 12s ago'],
    [{ ...holder, labels: {} }, 'on 10.0.0.7:4000, whose'],
    [{ ...holder, labels: { hostname: 'a\u001b[2Jb' } }, 'on a\uFFFD[2Jb, whose'],
  ])('the refusal says who has it, in printable characters', (held, words) => {
    expect(judgeName(held, {}, 12_000)).toMatchObject({ kind: 'taken', why: expect.stringContaining(words) });
  });

  test('is refused to a second machine, and no task is touched', async () => {
    await using hub = await HubUnderTest.start();
    const first = await ScriptedWorker.join(hub, 'mac-1', { hostname: 'rack-7' });
    await hub.submit({ name: 'unit' });
    const task = await first.take();
    await first.started(task);
    await hub.clock.advance(5_000);
    const second = new ScriptedWorker(hub.client(), 'mac-1', { 'instance-id': 'i-other' });
    const error = await refusalOf(second.register());
    expect(error.status).toBe('ALREADY_EXISTS');
    expect(error.message).toContain('the name "mac-1" is taken by the worker on rack-7, whose last poll was 5s ago');
    expect(await hub.task(task.taskId)).toMatchObject({ status: 'EXECUTING', worker: 'mac-1' });
    await first.agent(task).commands();
    await first.stopped(task); // its session is still good
    await hub.clock.advance(SILENCE_MS);
    await second.register();
    expect((await refusalOf(first.poll())).status).toBe('PERMISSION_DENIED');
    expect(await hub.heart.core.listWorkers()).toHaveLength(1);
  });

  test('goes on at once with the same instance id, and with it the place of its tasks', async () => {
    await using hub = await HubUnderTest.start();
    const first = await ScriptedWorker.join(hub);
    const again = await ScriptedWorker.join(hub);
    expect((await refusalOf(first.poll())).status).toBe('PERMISSION_DENIED');
    await hub.submit({ name: 'unit' });
    expect((await again.poll()).tasksToStart).toHaveLength(1);
  });
});

describe('what is refused', () => {
  test.each<[string, Record<string, string>, Record<string, number>]>([
    ['too many labels', Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`l${n}`, ''])), {}],
    ['labels too long', { big: 'x'.repeat(70_000) }, {}],
    ['a control character in a name', { 'a\u001b[31m': 'b' }, {}],
    ['a name too long', { name: 'n'.repeat(201) }, {}],
    ['a name that steers terminals', { name: 'mac\n1' }, {}],
    ['an amount below nothing', {}, { vm: -1 }],
    ['an amount that is no number', {}, { vm: Number.NaN }],
    ['an amount without end', {}, { vm: Number.POSITIVE_INFINITY }],
  ])('%s', async (_title, labels, resources) => {
    await using hub = await HubUnderTest.start();
    const worker = new ScriptedWorker(hub.client(), 'mac-1', labels, resources);
    expect((await refusalOf(worker.register())).status).toBe('INVALID_ARGUMENT');
    expect(await hub.heart.core.listWorkers()).toEqual([]);
    const good = await ScriptedWorker.join(hub);
    const changed = new ScriptedWorker(good.client, 'mac-1', labels, resources);
    changed.sessionToken = good.sessionToken;
    expect((await refusalOf(changed.poll())).status).toBe('INVALID_ARGUMENT');
  });

  test('a worker that registers in a loop: others are not slowed down, and after a while it is let in again', async () => {
    await using hub = await HubUnderTest.start();
    const loop = new ScriptedWorker(hub.client(), 'mac-1');
    const outcomes = [];
    for (let turn = 0; turn < 40; turn += 1) {
      outcomes.push(
        await loop.register().then(
          () => 'OK',
          (error: RpcError) => error.status,
        ),
      );
    }
    expect(outcomes.filter((outcome) => outcome === 'OK')).toHaveLength(30);
    expect(outcomes.slice(30)).toEqual(Array(10).fill('RESOURCE_EXHAUSTED'));
    await ScriptedWorker.join(hub, 'mac-2');
    await hub.clock.advance(2_000);
    await loop.register();
  });

  test('wrong tokens without end: the log does not fill, and good ones are let in from the same address', async () => {
    await using hub = await HubUnderTest.start();
    const wrong = new ScriptedWorker(hub.client(), 'mac-1');
    for (let turn = 0; turn < 40; turn += 1) await refusalOf(wrong.register('wrong'));
    expect((await refusalOf(wrong.register('wrong'))).status).toBe('RESOURCE_EXHAUSTED');
    expect(hub.log.filter((line) => line.includes('registration refused'))).toHaveLength(20);
    await ScriptedWorker.join(hub);
  });

  test('one worker more than the pool takes; a silent one makes room', async () => {
    await using hub = await HubUnderTest.start();
    await hub.heart.administration.updatePool('default', { maxWorkers: 1 });
    const first = await ScriptedWorker.join(hub);
    const second = new ScriptedWorker(hub.client(), 'mac-2');
    const error = await refusalOf(second.register());
    expect([error.status, error.message]).toEqual(['RESOURCE_EXHAUSTED', 'pool default has its 1 workers already']);
    await first.register(); // it has its place
    await hub.clock.advance(SILENCE_MS);
    await second.register();
  });
});

describe('after a restart of the hub', () => {
  test('sessions are good, and what people paused stays paused', async () => {
    const { tempFolder } = await import('../support/temp-folder.ts');
    using folder = tempFolder();
    const before = await HubUnderTest.start(`${folder.path}/hub.db`);
    const worker = await ScriptedWorker.join(before);
    await before.heart.administration.pauseWorker('mac-1');
    await before.stop();
    await using hub = await HubUnderTest.start(`${folder.path}/hub.db`, before.clock);
    const back = new ScriptedWorker(hub.client(), 'mac-1');
    back.sessionToken = worker.sessionToken;
    const named = { [HEADER.registrationToken]: POOL_TOKEN, [HEADER.sessionToken]: '', [HEADER.workerName]: 'mac-1' };
    const call = { headers: named, timeoutMs: 5_000 };
    const answer = await back.client.unary(workers.queryRunningTasks, {}, call, AbortSignal.timeout(5_000));
    expect(answer.status?.disabled).toBe(true);
    await hub.heart.administration.resumeWorker('mac-1');
    await hub.submit({ name: 'unit' });
    expect((await back.poll()).tasksToStart).toHaveLength(1);
  });

  test('a worker whose user gave it another label "name" is found by the name in its headers', async () => {
    const { tempFolder } = await import('../support/temp-folder.ts');
    using folder = tempFolder();
    const before = await HubUnderTest.start(`${folder.path}/hub.db`);
    const worker = await ScriptedWorker.join(before, 'configured', { name: 'labelled' });
    await before.submit({ name: 'unit' });
    await worker.take();
    await before.stop();
    await using hub = await HubUnderTest.start(`${folder.path}/hub.db`, before.clock);
    const client = hub.client();
    for (const name of ['configured', 'labelled']) {
      const headers = { [HEADER.registrationToken]: POOL_TOKEN, [HEADER.sessionToken]: '', [HEADER.workerName]: name };
      const call = { headers, timeoutMs: 5_000 };
      const answer = await client.unary(workers.updateStatus, { disabled: true }, call, AbortSignal.timeout(5_000));
      expect(answer.disabled).toBe(true);
    }
  });
});

describe('an ephemeral worker', () => {
  test.each<[string, (hub: HubUnderTest) => Promise<unknown>, Record<string, string>]>([
    ['by its pool', (hub) => hub.heart.administration.updatePool('default', { ephemeral: true }), {}],
    ['by its label', async () => {}, { ephemeral: 'true' }],
  ])('%s: gets one task, is sent home after it and forgotten', async (_title, prepare, labels) => {
    await using hub = await HubUnderTest.start();
    await prepare(hub);
    const worker = await ScriptedWorker.join(hub, 'mac-1', labels, { vm: 2 });
    await hub.submit({ name: 'a', resources: { vm: 1 } }, { name: 'b', resources: { vm: 1 } });
    const { tasksToStart } = await worker.poll();
    expect(tasksToStart).toHaveLength(1);
    const [task] = tasksToStart;
    if (task === undefined) throw new Error('a task was expected');
    await worker.started(task);
    await worker.agent(task).finished();
    const poll = worker.poll([task.taskId]);
    await worker.stopped(task);
    let answer = await poll;
    if (!answer.shutdown) answer = await worker.poll(); // the first one was answered for the end of the task
    expect([answer.shutdown, answer.tasksToStart]).toEqual([true, []]);
    expect(await hub.heart.core.listWorkers()).toEqual([]);
    expect((await refusalOf(worker.poll())).status).toBe('PERMISSION_DENIED');
  });

  test('that has had no task yet stays; one that went without a word goes when the next one comes', async () => {
    await using hub = await HubUnderTest.start();
    const idle = await ScriptedWorker.join(hub, 'idle', { ephemeral: 'true' });
    const poll = idle.poll();
    await hub.clock.advance(20_000);
    expect((await poll).shutdown).toBe(false);
    const gone = await ScriptedWorker.join(hub, 'gone', { ephemeral: 'true', only: 'gone' });
    await hub.submit({ name: 'unit', labels: { only: 'gone' } });
    const task = await gone.take();
    await gone.started(task);
    await hub.clock.advance(SILENCE_MS + 10_000);
    await ScriptedWorker.join(hub, 'next', { ephemeral: 'true' });
    expect((await hub.heart.core.listWorkers()).map(({ name }) => name).sort()).toEqual(['idle', 'next']);
  });
});
