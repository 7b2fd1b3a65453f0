import { describe, expect, test } from 'bun:test';
import type { DescMessage, DescMethodUnary } from '@bufbuild/protobuf';
import { CirrusCIService, CirrusWorkersService } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../../src/rpc/metadata.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { HubUnderTest, POOL_TOKEN, until } from './heart-harness.ts';
import { ScriptedWorker } from './scripted-worker.ts';

const workers = CirrusWorkersService.method;
const agents = CirrusCIService.method;

async function statusOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    if (error instanceof RpcError) return error.status;
    throw error;
  }
}

type Unary = DescMethodUnary<DescMessage, DescMessage>;

async function rig() {
  const hub = await HubUnderTest.start();
  const worker = await ScriptedWorker.join(hub);
  await hub.submit({ name: 'unit' });
  const task = await worker.take();
  const call = (method: unknown, headers: Headers, body: object = {}) =>
    worker.client.unary(method as Unary, body as never, { headers, timeoutMs: 10_000 }, AbortSignal.timeout(10_000));
  return {
    hub,
    worker,
    task,
    call,
    async [Symbol.asyncDispose]() {
      await hub.stop();
    },
  };
}

describe('registration', () => {
  test.each([
    ['wrong', 'this hub does not know the registration token'],
    ['', 'no registration token was given'],
  ])('token %j is refused, with the reason and the remedy', async (token, why) => {
    await using hub = await HubUnderTest.start();
    const worker = new ScriptedWorker(hub.client(), 'mac-1');
    const error: unknown = await worker.register(token).catch((reason) => reason);
    expect(error).toMatchObject({ status: 'PERMISSION_DENIED' });
    expect(String(error)).toContain(`${why}; give the worker the one in the file registration-token`);
    expect(await hub.heart.core.listWorkers()).toEqual([]);
  });

  test('only hashes of tokens are stored', async () => {
    await using hub = await HubUnderTest.start();
    const worker = await ScriptedWorker.join(hub);
    const rows = await hub.store.read((sql) => sql`SELECT hash FROM sessions UNION SELECT hash FROM tokens`);
    const text = JSON.stringify(rows);
    expect(rows).toHaveLength(2);
    expect(text).not.toContain(worker.sessionToken);
    expect(text).not.toContain(POOL_TOKEN);
  });
});

const SESSION_METHODS = [workers.poll, workers.taskStarted, workers.taskFailed, workers.taskStopped];
const TASK_METHODS = [
  agents.reportStopHook,
  agents.reportAnnotations,
  agents.reportTerminalAttached,
  agents.initialCommands,
  agents.reportCommandUpdates,
  agents.heartbeat,
  agents.reportAgentFinished,
  agents.reportAgentError,
  agents.reportAgentWarning,
  agents.reportAgentSignal,
  agents.reportAgentLogs,
];

describe('every method asks who calls', () => {
  test('workers: a session', async () => {
    await using the = await rig();
    const task = { [HEADER.taskId]: the.task.taskId, [HEADER.clientSecret]: the.task.clientSecret };
    for (const method of SESSION_METHODS) {
      expect(await statusOf(the.call(method, task))).toBe('PERMISSION_DENIED');
      expect(await statusOf(the.call(method, { ...task, [HEADER.sessionToken]: 'wrong' }))).toBe('PERMISSION_DENIED');
    }
  });

  test('workers, about a task: its secret too', async () => {
    await using the = await rig();
    const { taskId } = the.task;
    for (const method of SESSION_METHODS.slice(1)) {
      const call = (more: Headers) => statusOf(the.call(method, { ...the.worker.headers, ...more }));
      expect(await call({})).toBe('UNAUTHENTICATED');
      expect(await call({ [HEADER.taskId]: taskId, [HEADER.clientSecret]: 'wrong' })).toBe('UNAUTHENTICATED');
      expect(await call({ [HEADER.taskId]: '7', [HEADER.clientSecret]: 'x' })).toBe('NOT_FOUND');
    }
    expect((await the.hub.task(taskId)).status).toBe('SCHEDULED');
  });

  test('workers may name the task in the body, as old ones do', async () => {
    await using the = await rig();
    const { taskId, clientSecret: secret } = the.task;
    await the.call(workers.taskStarted, the.worker.headers, { taskId: BigInt(taskId), secret });
    expect((await the.hub.task(taskId)).status).toBe('EXECUTING');
  });

  test.each<[string, (id: string, secret: string) => Headers, string]>([
    ['nothing', () => ({}), 'UNAUTHENTICATED'],
    ['no secret', (id) => ({ [HEADER.taskId]: id }), 'UNAUTHENTICATED'],
    ['a wrong secret', (id) => ({ [HEADER.taskId]: id, [HEADER.clientSecret]: 'wrong' }), 'UNAUTHENTICATED'],
    ['an id that is no number', (_, s) => ({ [HEADER.taskId]: 'a', [HEADER.clientSecret]: s }), 'INVALID_ARGUMENT'],
    ['a task that is not there', (_, s) => ({ [HEADER.taskId]: '7', [HEADER.clientSecret]: s }), 'NOT_FOUND'],
    ['what is right', (id, s) => ({ [HEADER.taskId]: id, [HEADER.clientSecret]: s }), 'OK'],
  ])('agents with %s: %s', async (_title, headersOf, expected) => {
    await using the = await rig();
    const headers = headersOf(the.task.taskId, the.task.clientSecret);
    for (const method of TASK_METHODS) expect(await statusOf(the.call(method, headers))).toBe(expected);
    const upload = the.worker.client.upload(agents.streamLogs, headers, AbortSignal.timeout(10_000));
    await upload.write({ value: { case: 'key', value: { commandName: 'main' } } }).catch(() => {});
    expect(await statusOf(upload.finish())).toBe(expected);
  });

  test('all methods of both services are there', async () => {
    await using the = await rig();
    const names = new Set(the.hub.heart.handlers.map(({ name }) => name));
    const all = [...Object.values(workers), ...Object.values(agents)];
    expect(all.filter(({ name }) => !names.has(name))).toEqual([]);
  });
});

describe('pause and resume', () => {
  const named = (name: string, token = POOL_TOKEN): Headers => ({
    [HEADER.registrationToken]: token,
    [HEADER.sessionToken]: '',
    [HEADER.workerName]: name,
  });

  test('by registration token and name: hand-out stops and goes on, running tasks are told', async () => {
    await using the = await rig();
    expect(await the.call(workers.updateStatus, named('mac-1'), { disabled: true })).toMatchObject({ disabled: true });
    await the.worker.run(the.task);
    const build = await the.hub.submit({ name: 'later' });
    const id = build.tasks[0]?.id ?? '';
    const poll = the.worker.poll();
    await until(async () => (await the.hub.task(id)).reason === 'no matching worker is available: mac-1 is paused');
    expect(await the.call(workers.queryRunningTasks, named('mac-1'))).toMatchObject({
      status: { disabled: true },
      runningTasks: [],
    });
    await the.call(workers.updateStatus, named('mac-1'), { disabled: false });
    expect((await poll).tasksToStart[0]?.taskId).toBe(id);
    expect(await the.call(workers.queryRunningTasks, named('mac-1'))).toMatchObject({
      runningTasks: [id],
      oldRunningTasks: [BigInt(id)],
    });
  });

  test('by the worker itself: it drains for as long as its session lasts, and people cannot lift that', async () => {
    await using the = await rig();
    await the.call(workers.updateStatus, the.worker.headers, { disabled: true });
    await the.call(workers.updateStatus, named('mac-1'), { disabled: false });
    expect(await the.call(workers.queryRunningTasks, named('mac-1'))).toMatchObject({ status: { disabled: true } });
    await the.worker.register();
    expect(await the.call(workers.queryRunningTasks, named('mac-1'))).toMatchObject({ status: { disabled: false } });
  });

  test('an unknown worker or token is refused', async () => {
    await using the = await rig();
    expect(await statusOf(the.call(workers.updateStatus, named('mac-9')))).toBe('NOT_FOUND');
    expect(await statusOf(the.call(workers.updateStatus, named('mac-1', 'wrong')))).toBe('PERMISSION_DENIED');
    expect(await statusOf(the.call(workers.queryRunningTasks, {}))).toBe('PERMISSION_DENIED');
  });
});
