import { afterEach, expect, test } from 'bun:test';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AgentTask, Instance } from '../../src/isolation/instance.ts';
import { Secret } from '../../src/lib/secret.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { connect } from '../../src/rpc/client.ts';
import {
  CirrusWorkersService,
  type PollRequest,
  type PollResponseSchema,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../../src/rpc/metadata.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { type RpcServer, startRpcServer, unaryHandler } from '../../src/rpc/server.ts';
import { resolveWorkerOptions } from '../../src/worker/configuration/resolve-options.ts';
import { noLink } from '../../src/worker/link.ts';
import { Worker } from '../../src/worker/worker.ts';
import { memoryLogger } from '../support/logger.ts';
import { waitFor } from '../support/wait-for.ts';

type Answer = MessageInitShape<typeof PollResponseSchema>;

const servers: RpcServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(AbortSignal.abort());
});

/** A server of the protocol whose polls are answered from a queue; an empty queue holds the poll for a moment. */
async function startServer(answers: Answer[]) {
  const calls: string[] = [];
  const polls: PollRequest[] = [];
  const faults: Record<string, number> = {};
  const note = (name: string, headers: Readonly<Record<string, string>>, more = '') => {
    if ((faults[name] ?? 0) > 0) {
      faults[name] = (faults[name] ?? 0) - 1;
      throw new RpcError('UNAVAILABLE', 'a moment please');
    }
    expect(headers[HEADER.sessionToken]).toBe('session');
    expect(headers[HEADER.workerName]).toBe('w1');
    calls.push(`${name} ${headers[HEADER.taskId] ?? ''}:${headers[HEADER.clientSecret] ?? ''}${more}`);
  };
  const { method } = CirrusWorkersService;
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    onBug: (name, error) => calls.push(`bug in ${name}: ${String(error)}`),
    handlers: [
      unaryHandler(method.register, async ({ registrationToken }) => {
        if (registrationToken !== 'token') throw new RpcError('PERMISSION_DENIED', 'unknown token');
        return { sessionToken: 'session' };
      }),
      unaryHandler(method.poll, async (request) => {
        polls.push(request);
        // held like a hub does: until there is something to say, or what the poll told is no longer true
        const before = calls.length;
        for (let waits = 0; waits < 100 && answers.length === 0 && calls.length === before; waits += 1)
          await Bun.sleep(10);
        return { pollIntervalInSeconds: 1, ...answers.shift() };
      }),
      unaryHandler(method.taskStarted, async ({ taskId }, { headers }) => {
        note('started', headers, ` body ${taskId}`);
        return {};
      }),
      unaryHandler(method.taskFailed, async ({ message }, { headers }) => {
        note('failed', headers, ` ${message}`);
        return {};
      }),
      unaryHandler(method.taskStopped, async (_request, { headers }) => {
        note('stopped', headers);
        return {};
      }),
    ],
  });
  servers.push(server);
  return { port: server.port, calls, polls, faults };
}

function startWorker(port: number, run: (task: AgentTask, signal: AbortSignal) => Promise<{ problem: string | null }>) {
  const file = { token: new Secret('token'), name: 'w1', resources: { slots: 2 } };
  const rpcEndpoint = { value: `http://127.0.0.1:${port}`, from: '--rpc-endpoint' };
  const options = resolveWorkerOptions(file, { rpcEndpoint }, 'host');
  const closed: number[] = [];
  const instance: Instance = { run, close: async () => [String(closed.push(1))].slice(1) };
  const client = connect(options.upstreams[0].endpoint, []);
  const worker = new Worker(options, {
    ...{
      client,
      agentEnvironment: { A: '1' },
      link: noLink,
      clock: systemClock,
      random: Math.random,
      log: memoryLogger(),
    },
    createNoneInstance: async () => instance,
  });
  const stop = new AbortController();
  const hurry = new AbortController();
  const ended = worker.run(stop.signal, hurry.signal).finally(() => client.close());
  return { ended, stop: () => stop.abort(), closed };
}

const task = (taskId: string) => ({
  taskId,
  clientSecret: 'client',
  serverSecret: 'server',
  resourcesToUse: { slots: 1 },
});

test('a task is started, run, closed and stopped, in this order, and seen in polls while it runs', async () => {
  const server = await startServer([{ tasksToStart: [task('7')] }]);
  const end = Promise.withResolvers<{ problem: null }>();
  const seen: AgentTask[] = [];
  const worker = startWorker(server.port, (agentTask) => {
    seen.push(agentTask);
    return end.promise;
  });
  await waitFor('a poll that tells of the task', () => server.polls.find((poll) => poll.runningTasks.includes('7')));
  const poll = server.polls.find((candidate) => candidate.runningTasks.includes('7'));
  expect(poll?.oldRunningTasks).toEqual([7n]);
  expect(poll?.resourcesInUse).toEqual({ slots: 1 });
  expect(poll?.workerInfo?.resourcesTotal).toEqual({ slots: 2 });
  await waitFor('the agent runs', () => seen.length === 1);
  expect(server.calls).toEqual(['started 7:client body 7']);
  expect(seen).toEqual([
    {
      taskId: '7',
      apiEndpoint: `http://127.0.0.1:${server.port}`,
      serverSecret: 'server',
      clientSecret: 'client',
      environment: { A: '1' },
    },
  ]);
  end.resolve({ problem: null });
  await waitFor('the task is stopped', () => server.calls.includes('stopped 7:client'));
  expect(worker.closed).toEqual([1]);
  await waitFor('a poll that tells so', () => server.polls.at(-1)?.runningTasks.length === 0);
  worker.stop();
  expect(await worker.ended).toBe('finished');
  expect(server.calls).toEqual(['started 7:client body 7', 'stopped 7:client']);
});

test('a run that fails is reported with its reason before it is stopped', async () => {
  const server = await startServer([{ tasksToStart: [task('8')] }]);
  const worker = startWorker(server.port, async () => ({ problem: 'no disk' }));
  await waitFor('the task is stopped', () => server.calls.includes('stopped 8:client'));
  expect(server.calls).toEqual(['started 8:client body 8', 'failed 8:client no disk', 'stopped 8:client']);
  worker.stop();
  await worker.ended;
});

test('isolation that this worker does not have fails the task with a sentence and frees its resources', async () => {
  const isolation = { type: { case: 'tart' as const, value: { image: 'i' } } };
  const server = await startServer([{ tasksToStart: [{ ...task('9'), isolation }] }]);
  const worker = startWorker(server.port, async () => ({ problem: null }));
  await waitFor('the refusal', () => server.calls.length > 0);
  expect(server.calls[0]).toStartWith('failed 9:client this worker cannot run tasks in isolation "tart"');
  const later = server.polls.length;
  await waitFor('a later poll', () => server.polls.length > later + 1);
  expect(server.polls.at(-1)).toMatchObject({ runningTasks: [], resourcesInUse: {} });
  worker.stop();
  await worker.ended;
});

test('the server cancels a task: no failure is reported', async () => {
  const answers: Answer[] = [{ tasksToStart: [task('10')] }];
  const server = await startServer(answers);
  const worker = startWorker(
    server.port,
    (_task, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve({ problem: 'cut' }))),
  );
  await waitFor('it runs', () => server.calls.length === 1);
  answers.push({ tasksToStop: ['10', 'unknown'] });
  await waitFor('it is stopped', () => server.calls.length === 2);
  expect(server.calls[1]).toBe('stopped 10:client');
  await waitFor('a poll that tells so', () => server.polls.at(-1)?.runningTasks.length === 0);
  worker.stop();
  expect(await worker.ended).toBe('finished');
});

test('reports are repeated while the server is away', async () => {
  const server = await startServer([{ tasksToStart: [task('11')] }]);
  Object.assign(server.faults, { started: 2, stopped: 2 });
  const worker = startWorker(server.port, async () => ({ problem: null }));
  await waitFor('the task is stopped', () => server.calls.includes('stopped 11:client'));
  expect(server.calls).toEqual(['started 11:client body 11', 'stopped 11:client']);
  worker.stop();
  await worker.ended;
});

test('a worker that is stopped cancels and reports what runs, and says so', async () => {
  const server = await startServer([{ tasksToStart: [task('12')] }]);
  const worker = startWorker(
    server.port,
    (_task, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve({ problem: null }))),
  );
  await waitFor('it runs', () => server.calls.length === 1);
  worker.stop();
  expect(await worker.ended).toBe('tasks-cancelled');
  expect(server.calls[1]).toBe('stopped 12:client');
});

test('a shutdown flag of the server lets running tasks end first', async () => {
  const server = await startServer([{ tasksToStart: [task('13')], shutdown: true }]);
  const end = Promise.withResolvers<{ problem: null }>();
  const worker = startWorker(server.port, () => end.promise);
  await waitFor('it runs', () => server.calls.length === 1);
  end.resolve({ problem: null });
  expect(await worker.ended).toBe('finished');
  expect(server.calls[1]).toBe('stopped 13:client');
});
