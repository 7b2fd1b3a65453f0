import { afterEach, describe, expect, test } from 'bun:test';
import { AppError } from '../../src/lib/errors.ts';
import { HEADER } from '../../src/rpc/metadata.ts';
import { CLOSE_LIMIT_MS } from '../../src/worker/run-task.ts';
import { CANCEL_GRACE_MS, DRAIN_MS } from '../../src/worker/worker.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeWorkerServer, task } from '../support/fake-worker-server.ts';
import { startTestWorker, type TestWorkerOptions } from '../support/test-worker.ts';
import { waitFor } from '../support/wait-for.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function startServer(): Promise<FakeWorkerServer> {
  const server = await new FakeWorkerServer().start();
  open.push(() => server[Symbol.asyncDispose]());
  return server;
}

function startWorker(server: FakeWorkerServer, more: Partial<TestWorkerOptions> = {}) {
  const worker = startTestWorker({ endpoints: [server.endpoint], ...more });
  open.push(async () => {
    worker.isolation.obedient = true;
    worker.stop();
    worker.hurry();
    for (const instance of worker.isolation.instances) instance.letGo();
    for (const instance of worker.isolation.instances) instance.end();
    await worker.ended;
  });
  return worker;
}

type Running = ReturnType<typeof startWorker>;

const agentRuns = (worker: Running, count = 1) =>
  waitFor('the agent runs', () => worker.isolation.instances[count - 1]?.signal !== undefined);
const reported = (server: FakeWorkerServer, text: string) =>
  waitFor(text, () => server.reports.some((line) => line.startsWith(text)));
const told = (server: FakeWorkerServer, running: string[]) =>
  waitFor(`a poll that tells of ${running}`, () =>
    server.polls.find((poll) => JSON.stringify(poll.runningTasks) === JSON.stringify(running)),
  );

describe('the order of calls (specification, section 6.2)', () => {
  test('success', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.answer({ tasksToStart: [task('7')] });
    await agentRuns(worker);
    const poll = await told(server, ['7']);
    expect(poll).toMatchObject({ oldRunningTasks: [7n], resourcesInUse: { slots: 1 } });
    expect(poll.workerInfo?.resourcesTotal).toEqual({ slots: 2 });
    expect(server.reports).toEqual(['started 7']);
    const { environment, ...rest } = await worker.isolation.last.ran.promise;
    expect(rest).toEqual({
      taskId: '7',
      apiEndpoint: server.endpoint,
      serverSecret: 'server-7',
      clientSecret: 'client-7',
    });
    expect(environment).toMatchObject({
      A: '1',
      CIRRUS_SENTRY_TAGS: expect.stringContaining('cirrus.task_id=7,cirrus.upstream_worker_name=w1'),
    });
    worker.isolation.last.end();
    await reported(server, 'stopped 7');
    expect(worker.isolation.last.closed).toBe(true);
    await waitFor('a poll that tells so', () => server.polls.at(-1)?.runningTasks.length === 0);
    worker.stop();
    expect(await worker.ended).toBe('finished');
    expect(server.reports).toEqual(['started 7', 'stopped 7']);
  });

  test('W17: a run that fails, such as by a crash of the agent', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.answer({ tasksToStart: [task('8')] });
    await agentRuns(worker);
    worker.isolation.last.end('the agent ended unexpectedly with signal SIGSEGV');
    await reported(server, 'stopped 8');
    const crash = 'failed 8: the agent ended unexpectedly with signal SIGSEGV';
    expect(server.reports).toEqual(['started 8', crash, 'stopped 8']);
  });

  test('cancelled by the server: no TaskFailed, whatever the agent says; old integers name tasks too', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.answer({ tasksToStart: [{ ...task(''), oldTaskId: 10n }, task('uuid-11')] });
    await agentRuns(worker, 2);
    server.answer({ oldTaskIdsToStop: [10n], tasksToStop: ['uuid-11', 'unknown'] });
    await waitFor('both are stopped', () => server.reports.length === 4);
    expect(server.reports.toSorted()).toEqual(['started 10', 'started uuid-11', 'stopped 10', 'stopped uuid-11']);
  });

  test('W10: an instance that cannot be made: TaskFailed alone, and nothing of it is left', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    worker.isolation.refusal = new AppError('CONFIG', 'this worker does not run tart', { hint: 'write tart: {}' });
    server.answer({ tasksToStart: [task('9', { resourcesToUse: { slots: 2 } })] });
    await reported(server, 'failed 9');
    expect(server.reports).toEqual(['failed 9: this worker does not run tart; write tart: {}']);
    worker.isolation.refusal = undefined;
    await waitFor('a poll that tells so', () => server.polls.at(-1)?.runningTasks.length === 0);
    expect(server.polls.at(-1)?.resourcesInUse).toEqual({});
    server.answer({ tasksToStart: [task('9', { resourcesToUse: { slots: 2 } })] });
    await reported(server, 'started 9');
  });

  test('W12: a start that the server refuses for good ends in TaskFailed and TaskStopped', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.faults.set('TaskStarted', { status: 'INVALID_ARGUMENT', times: 1 });
    server.answer({ tasksToStart: [task('12')] });
    await reported(server, 'stopped 12');
    expect(server.reports[0]).toContain('did not take the report that the task has started');
    expect(worker.isolation.last.signal).toBeUndefined();
  });

  test('W12: cancelled before its start was taken', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.faults.set('TaskStarted', { status: 'UNAVAILABLE', times: 1_000 });
    server.answer({ tasksToStart: [task('13')] });
    await told(server, ['13']);
    server.answer({ tasksToStop: ['13'] });
    await reported(server, 'stopped 13');
    expect(server.reports).toEqual(['stopped 13']);
    expect(worker.isolation.last.closed).toBe(true);
  });
});

test('W13: reports outlive an absent server and a lost session, and are made once', async () => {
  const server = await startServer();
  const worker = startWorker(server);
  server.answer({ tasksToStart: [task('11')] });
  await agentRuns(worker);
  await server.cut();
  server.forgetSessions();
  worker.isolation.last.end('no disk');
  await server.start();
  await reported(server, 'stopped 11');
  expect(server.reports).toEqual(['started 11', 'failed 11: no disk', 'stopped 11']);
  expect(server.registrations).toHaveLength(2);
});

test('W5: a task goes on while its server forgets the session', async () => {
  const server = await startServer();
  const worker = startWorker(server);
  server.answer({ tasksToStart: [task('5')] });
  await agentRuns(worker);
  server.forgetSessions();
  server.answer({});
  await waitFor('it registers again', () => server.registrations.length === 2);
  await waitFor('and polls', () => server.calls.at(-1)?.headers[HEADER.sessionToken] === 'session-2');
  expect(server.polls.at(-1)?.runningTasks).toEqual(['5']);
  expect(worker.isolation.last.signal?.aborted).toBe(false);
});

test('W11: resources are free before the server hears of the end, so that the next task fits', async () => {
  const server = await startServer();
  const worker = startWorker(server, { resources: { slots: 1 } });
  server.answer({ tasksToStart: [task('1')] });
  await agentRuns(worker);
  const gate = Promise.withResolvers<void>();
  server.gates.set('TaskStopped', gate.promise);
  worker.isolation.last.end();
  await waitFor('it is closed', () => worker.isolation.last.closed);
  server.answer({ tasksToStart: [task('2')] });
  await agentRuns(worker, 2);
  expect(server.polls.at(-1)?.runningTasks).toContain('1');
  gate.resolve();
  await reported(server, 'stopped 1');
});

test('W16: an instance that does not close: the end is reported, its place stays out of use until it does', async () => {
  const server = await startServer();
  const clock = new FakeClock();
  const worker = startWorker(server, { resources: { slots: 1 }, clock });
  worker.isolation.hangs = true;
  server.answer({ tasksToStart: [task('1')] });
  await agentRuns(worker);
  worker.isolation.last.end();
  await waitFor('it closes', () => worker.isolation.last.closed);
  await clock.advance(CLOSE_LIMIT_MS);
  await reported(server, 'stopped 1');
  server.answer({ tasksToStart: [task('2')] });
  await reported(server, 'failed 2: this worker has not enough resources');
  worker.isolation.hangs = false;
  worker.isolation.instances[0]?.letGo();
  await waitFor('it has closed', () => worker.log.lines.some(({ message }) => message.includes('after all')));
  server.answer({ tasksToStart: [task('3')] });
  await reported(server, 'started 3');
});

describe('the end', () => {
  test('W19: a stop lets tasks finish, with the server told and polled meanwhile', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.answer({ tasksToStart: [task('1')] });
    await agentRuns(worker);
    worker.stop();
    await waitFor('the server is told', () => server.calls.some(({ text }) => text === 'disable'));
    server.answer({});
    server.answer({ tasksToStart: [task('2')] });
    await reported(server, 'failed 2: this worker is stopping');
    expect(worker.isolation.last.signal?.aborted).toBe(false);
    worker.isolation.last.end();
    expect(await worker.ended).toBe('finished');
    expect(server.reports).toContain('stopped 1');
    expect(server.calls.at(-1)?.text).toBe('enable');
  });

  test('W19: tasks are cancelled and reported when the limit of the drain is over', async () => {
    const server = await startServer();
    const clock = new FakeClock();
    const worker = startWorker(server, { clock, drainMs: DRAIN_MS });
    server.answer({ tasksToStart: [task('1')] });
    await agentRuns(worker);
    worker.stop();
    await clock.advance(DRAIN_MS - 1);
    expect(worker.isolation.last.signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(await worker.ended).toBe('tasks-cancelled');
    expect(server.reports).toEqual(['started 1', 'stopped 1']);
  });

  test('W19: a second signal cancels now', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.answer({ tasksToStart: [task('1')] });
    await agentRuns(worker);
    worker.stop();
    worker.hurry();
    expect(await worker.ended).toBe('tasks-cancelled');
    expect(server.reports).toEqual(['started 1', 'stopped 1']);
  });

  test('a worker that was drained before cancels at once', async () => {
    const server = await startServer();
    const worker = startWorker(server, { drainMs: 0 });
    server.answer({ tasksToStart: [task('1')] });
    await agentRuns(worker);
    worker.stop();
    expect(await worker.ended).toBe('tasks-cancelled');
  });

  test('tasks that ignore their cancellation, and servers that are gone, hold the worker for a bounded time', async () => {
    const server = await startServer();
    const clock = new FakeClock();
    const worker = startWorker(server, { clock, drainMs: 0 });
    worker.isolation.obedient = false;
    server.answer({ tasksToStart: [task('1')] });
    await agentRuns(worker);
    await server.cut();
    worker.stop();
    await clock.advance(CANCEL_GRACE_MS + 10_000);
    expect(await worker.ended).toBe('tasks-cancelled');
  });

  test('a shutdown flag lets the tasks of its own answer end first', async () => {
    const server = await startServer();
    const worker = startWorker(server);
    server.answer({ tasksToStart: [task('13')], shutdown: true });
    await agentRuns(worker);
    worker.isolation.last.end();
    expect(await worker.ended).toBe('finished');
    expect(server.reports).toEqual(['started 13', 'stopped 13']);
  });

  test('W8: with exit on refusal a worker that is refused ends, and cancels what it ran for that server', async () => {
    const server = await startServer();
    const worker = startWorker(server, { exitOnRefusal: true });
    server.answer({ tasksToStart: [task('1')] });
    await agentRuns(worker);
    server.tokens = [];
    server.forgetSessions();
    server.answer({});
    expect(await worker.ended).toBe('refused');
    expect(worker.isolation.last.signal?.aborted).toBe(true);
  });
});

test('an ephemeral worker runs one task, says that it goes, and ends', async () => {
  const server = await startServer();
  const worker = startWorker(server, { ephemeral: true });
  server.answer({ tasksToStart: [task('1'), task('2')] });
  await reported(server, 'failed 2: this worker runs a single task');
  await agentRuns(worker);
  await waitFor('the server is told', () => server.calls.some(({ text }) => text === 'disable'));
  expect(server.registrations[0]?.workerInfo?.labels).toMatchObject({ ephemeral: 'true' });
  worker.isolation.last.end();
  expect(await worker.ended).toBe('finished');
  expect(server.reports).toContain('stopped 1');
  expect(server.calls.map(({ text }) => text)).not.toContain('enable');
});

test('a pause and its end are told to the server at once, beside the poll that it holds', async () => {
  const server = await startServer();
  const worker = startWorker(server);
  await waitFor('it polls', () => server.polls.length === 1);
  worker.worker.setPaused(true);
  await waitFor('pause', () => server.calls.at(-1)?.text === 'disable');
  worker.worker.setPaused(false);
  await waitFor('resume', () => server.calls.some(({ text }) => text === 'enable'));
});
