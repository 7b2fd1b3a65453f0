import { afterEach, describe, expect, test } from 'bun:test';
import { AppError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import { CirrusWorkersService } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../../src/rpc/metadata.ts';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import { type RpcServer, startRpcServer, unaryHandler } from '../../src/rpc/server.ts';
import { type PauseDeps, pauseWorker, resumeWorker } from '../../src/worker/pause.ts';

const servers: RpcServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(AbortSignal.abort());
});

type Running = { runningTasks?: string[]; oldRunningTasks?: bigint[] };

/** A server that knows the worker `w1`; failures are thrown first, then each question is answered with the next state. */
async function startServer(script: { failures?: RpcStatus[]; states?: Running[]; echo?: boolean } = {}) {
  const { failures = [], states = [] } = script;
  const calls: string[] = [];
  const method = CirrusWorkersService.method;
  const note = (what: string, headers: Readonly<Record<string, string>>) => {
    const failure = failures.shift();
    if (failure !== undefined) throw new RpcError(failure, 'as the test wants it');
    const sent = [HEADER.registrationToken, HEADER.sessionToken, HEADER.workerName].map((name) => headers[name]);
    calls.push(`${what} ${sent.join('|')}`);
    if (headers[HEADER.workerName] !== 'w1') throw new RpcError('NOT_FOUND', 'no such worker');
  };
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    onBug: (_method, error) => {
      throw error;
    },
    handlers: [
      unaryHandler(method.updateStatus, async ({ disabled }, { headers }) => {
        note(`disabled=${disabled}`, headers);
        return { disabled: script.echo === false ? !disabled : disabled };
      }),
      unaryHandler(method.queryRunningTasks, async (_request, { headers }) => {
        note('running?', headers);
        return states.shift() ?? {};
      }),
    ],
  });
  servers.push(server);
  return { upstream: { token: new Secret('pool'), endpoint: parseEndpoint(`http://127.0.0.1:${server.port}`) }, calls };
}

/** Time runs with each pause, so that nothing is waited for. */
function depsOf() {
  const told: string[] = [];
  const time = { ms: 0 };
  const sleep = async (ms: number, signal: AbortSignal) => {
    signal.throwIfAborted();
    time.ms += ms;
  };
  const deps: PauseDeps = {
    connect: ({ endpoint }) => connect(endpoint, []),
    clock: { ...systemClock, monoMs: () => time.ms, sleep },
    random: () => 0.5,
    tell: (sentence) => void told.push(sentence),
  };
  return { deps, told, time };
}

const never = new AbortController().signal;

test('the server finds the worker by registration token and name; the session is there and empty', async () => {
  const { upstream, calls } = await startServer();
  const { deps } = depsOf();
  expect(await pauseWorker({ name: 'w1', upstreams: [upstream] }, false, deps, never)).toEqual([]);
  expect(await resumeWorker({ name: 'w1', upstreams: [upstream] }, deps, never)).toEqual([]);
  expect(calls).toEqual(['disabled=true pool||w1', 'disabled=false pool||w1']);
});

test('--wait asks until both kinds of ids are gone, and tells each change once', async () => {
  const states = [
    { runningTasks: ['7'], oldRunningTasks: [7n] },
    { runningTasks: ['7'] },
    { oldRunningTasks: [8n] },
    {},
  ];
  const { upstream, calls } = await startServer({ states });
  const { deps, told } = depsOf();
  expect(await pauseWorker({ name: 'w1', upstreams: [upstream] }, true, deps, never)).toEqual([]);
  expect(calls.filter((call) => call.startsWith('running?'))).toHaveLength(4);
  expect(told.map((sentence) => sentence.replace(/^\S+ /, ''))).toEqual(['waiting for 7', 'waiting for 8']);
});

describe('W50', () => {
  test('a worker that a server does not know is told, and the others are paused all the same', async () => {
    const [one, two] = [await startServer({ failures: ['NOT_FOUND'] }), await startServer()];
    const { deps } = depsOf();
    const subject = { name: 'w1', upstreams: [one.upstream, two.upstream] };
    expect(await pauseWorker(subject, false, deps, never)).toEqual([one.upstream.endpoint.text]);
    expect(two.calls).toHaveLength(1);
  });

  test('a network error is no end, also while it waits', async () => {
    const { upstream } = await startServer({
      failures: ['UNAVAILABLE', 'UNAVAILABLE'],
      states: [{ runningTasks: ['7'] }],
    });
    const { deps, told } = depsOf();
    expect(await pauseWorker({ name: 'w1', upstreams: [upstream] }, true, deps, never)).toEqual([]);
    expect(told[0]).toContain('does not answer, trying again: ');
  });

  test('a server that stays away is given up after a minute', async () => {
    const { upstream } = await startServer({ failures: Array<RpcStatus>(1_000).fill('UNAVAILABLE') });
    const { deps, time } = depsOf();
    const end = pauseWorker({ name: 'w1', upstreams: [upstream] }, false, deps, never);
    await expect(end).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(time.ms).toBeWithin(60_000, 70_000);
  });

  test('interrupted, it is not done', async () => {
    const stop = new AbortController();
    const { upstream } = await startServer({ states: [{ runningTasks: ['7'] }] });
    const { deps } = depsOf();
    const clock = { ...deps.clock, sleep: async () => stop.abort(new Error('stopped')) };
    const states = pauseWorker({ name: 'w1', upstreams: [upstream] }, true, { ...deps, clock }, stop.signal);
    await expect(states).rejects.toThrow('stopped');
  });
});

test.each<[RpcStatus, AppError['code']]>([
  ['PERMISSION_DENIED', 'NO_PERMISSION'],
  ['UNAUTHENTICATED', 'NO_PERMISSION'],
  ['UNIMPLEMENTED', 'UNAVAILABLE'],
])('%s ends at once as %s', async (status, code) => {
  const { upstream } = await startServer({ failures: [status] });
  const { deps, time } = depsOf();
  const end = await resumeWorker({ name: 'w1', upstreams: [upstream] }, deps, never).catch((error: unknown) => error);
  expect(end).toBeInstanceOf(AppError);
  expect([(end as AppError).code, time.ms]).toEqual([code, 0]);
});

test('an answer that does not repeat the request is a failure', async () => {
  const { upstream } = await startServer({ echo: false });
  const end = pauseWorker({ name: 'w1', upstreams: [upstream] }, false, depsOf().deps, never);
  await expect(end).rejects.toThrow('has not paused worker w1');
});
