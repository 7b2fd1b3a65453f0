import { describe, expect, test } from 'bun:test';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { CirrusCIService, CirrusWorkersService, Status } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { startRpcServer } from '../../src/rpc/server.ts';
import { AUTHORITY_FILE, certificate } from '../support/certificates.ts';
import { grpcFrame, rawGrpc } from '../support/raw-grpc.ts';
import { HubUnderTest, POOL_TOKEN } from './heart-harness.ts';

const workers = CirrusWorkersService.method;
const agents = CirrusCIService.method;
const CODE = { ok: '0', invalid: '3', notFound: '5', denied: '7', unauthenticated: '16' } as const;

type Headers = Record<string, string | string[]>;
type Method<Input extends DescMessage, Output extends DescMessage> = DescMethod & { input: Input; output: Output };

/** A hub behind one gRPC port, in clear text or TLS, spoken to byte by byte. */
async function start(secure: boolean) {
  const hub = await HubUnderTest.start();
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    handlers: hub.heart.handlers,
    certificate: secure ? certificate('loopback') : undefined,
    onBug: (method, error) => hub.log.push(`BUG ${method} ${String(error)}`),
  });
  const raw = rawGrpc(
    `${secure ? 'https' : 'http'}://127.0.0.1:${server.port}`,
    secure ? await Bun.file(AUTHORITY_FILE).text() : undefined,
  );
  const pathOf = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;
  const decode = <Output extends DescMessage>(output: Output, data: Buffer): MessageShape<Output> =>
    fromBinary(output, new Uint8Array(data.subarray(5)));
  return {
    hub,
    raw,
    port: server.port,
    /** Status and answer of one call. */
    async call<Input extends DescMessage, Output extends DescMessage>(
      method: Method<Input, Output>,
      headers: Headers,
      body: MessageInitShape<Input>,
    ): Promise<{ status: string | undefined; message: string; answer: MessageShape<Output> }> {
      const bytes = grpcFrame(toBinary(method.input, create(method.input, body)));
      const { status, message, data } = await raw.call(pathOf(method), headers, bytes);
      return { status, message, answer: data.length < 5 ? create(method.output) : decode(method.output, data) };
    },
    /** Messages of one stream, each in gzip, as agents send their logs. */
    async stream<Input extends DescMessage, Output extends DescMessage>(
      method: Method<Input, Output>,
      headers: Headers,
      messages: MessageInitShape<Input>[],
    ): Promise<MessageShape<Output>> {
      const frames = messages.map((message) =>
        grpcFrame(gzipSync(toBinary(method.input, create(method.input, message))), { flag: 1 }),
      );
      const { status, data } = await raw.call(
        pathOf(method),
        { ...headers, 'grpc-encoding': 'gzip' },
        Buffer.concat(frames),
      );
      expect(status).toBe(CODE.ok);
      return decode(method.output, data);
    },
    async [Symbol.asyncDispose]() {
      raw[Symbol.dispose]();
      await server.stop(AbortSignal.abort());
      await hub.stop();
    },
  };
}

const info = (name: string) => ({
  labels: { name, version: '0.1', hostname: 'host', os: 'darwin', arch: 'arm64' },
  resourcesTotal: { 'tart-vms': 2 },
});

describe.each([
  ['clear text', false],
  ['TLS 1.3 with ALPN', true],
])('a worker and an agent that know the protocol alone, over %s', (_title, secure) => {
  test('run a task from registration to its end, with exactly the headers of the protocol', async () => {
    await using the = await start(secure);
    const register = await the.call(workers.register, {}, { registrationToken: POOL_TOKEN, workerInfo: info('mac-1') });
    const session = register.answer.sessionToken;
    expect([register.status, session !== '']).toEqual([CODE.ok, true]);
    const worker = { 'registration-token': POOL_TOKEN, 'session-token': session, 'worker-name': 'mac-1' };
    await the.hub.submit({ name: 'unit', resources: { 'tart-vms': 1 } });
    const { answer } = await the.call(workers.poll, worker, { workerInfo: info('mac-1') });
    const [task] = answer.tasksToStart;
    if (task === undefined) throw new Error('a task was expected');
    expect(task).toMatchObject({ oldTaskId: BigInt(task.taskId), resourcesToUse: { 'tart-vms': 1 } });
    expect([task.clientSecret.length > 20, task.serverSecret.length > 20]).toEqual([true, true]);
    expect(answer.pollIntervalInSeconds).toBeGreaterThan(0);

    const own = { 'org.cirruslabs.task-id': task.taskId, 'org.cirruslabs.client-secret': task.clientSecret };
    const byBody = { taskId: BigInt(task.taskId), secret: task.clientSecret };
    expect((await the.call(workers.taskStarted, worker, byBody)).status).toBe(CODE.ok); // an old worker: body alone
    expect((await the.call(workers.taskStarted, { ...worker, ...own }, {})).status).toBe(CODE.ok); // repeated by a new one

    const agent = { ...own, 'org.cirruslabs.api-endpoint': 'http://127.0.0.1:1' };
    const commands = await the.call(agents.initialCommands, agent, { localTimestamp: 1n, retry: true });
    expect(commands.answer.serverToken).toBe(task.serverSecret);
    expect([commands.answer.timeoutInSeconds > 0n, commands.answer.commands.length]).toEqual([true, 1]);
    const executing = { updates: [{ name: 'main', status: Status.EXECUTING }] };
    expect((await the.call(agents.reportCommandUpdates, agent, executing)).status).toBe(CODE.ok);
    const key = { value: { case: 'key', value: { commandName: 'main' } } } as const;
    const chunk = (text: string) => ({ value: { case: 'chunk', value: { data: Buffer.from(text) } } }) as const;
    expect((await the.stream(agents.streamLogs, agent, [key, chunk('one\n'), chunk('two\n')])).bytesLogged).toBe(8n);
    expect((await the.stream(agents.saveLogs, agent, [key, chunk('one\ntwo\n')])).bytesLogged).toBe(8n);
    expect((await the.call(agents.heartbeat, agent, {})).status).toBe(CODE.ok);
    const finished = { commandResults: [{ name: 'main', status: Status.COMPLETED, durationInNanos: 5n }] };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect((await the.call(agents.reportAgentFinished, agent, finished)).status).toBe(CODE.ok);
      expect((await the.call(workers.taskStopped, { ...worker, ...own }, {})).status).toBe(CODE.ok);
    }
    expect(await the.hub.task(task.taskId)).toMatchObject({ status: 'COMPLETED' });
    expect(the.hub.bugs).toEqual([]);
  });

  test('pause and resume without a session; unknown workers are NOT_FOUND; of two headers the first counts', async () => {
    await using the = await start(secure);
    await the.call(workers.register, {}, { registrationToken: POOL_TOKEN, workerInfo: info('mac-1') });
    const named = (name: string | string[], token: string | string[] = POOL_TOKEN): Headers => ({
      ...{ 'registration-token': token, 'session-token': '', 'worker-name': name },
    });
    const paused = await the.call(workers.updateStatus, named('mac-1'), { disabled: true });
    expect([paused.status, paused.answer.disabled]).toEqual([CODE.ok, true]);
    const running = await the.call(workers.queryRunningTasks, named('mac-1'), {});
    expect(running.answer).toMatchObject({ status: { disabled: true }, runningTasks: [], oldRunningTasks: [] });
    const twice = named(['mac-1', 'mac-9'], [POOL_TOKEN, 'wrong']);
    expect((await the.call(workers.updateStatus, twice, { disabled: false })).status).toBe(CODE.ok);
    expect((await the.call(workers.updateStatus, named('mac-9'), { disabled: true })).status).toBe(CODE.notFound);
    expect((await the.call(workers.updateStatus, named('mac-1', 'wrong'), { disabled: true })).status).toBe(
      CODE.denied,
    );
  });

  test('ids that are not ours are stopped, in both forms; statuses of agents that may not', async () => {
    await using the = await start(secure);
    const { answer } = await the.call(
      workers.register,
      {},
      { registrationToken: POOL_TOKEN, workerInfo: info('mac-1') },
    );
    const worker = { 'registration-token': POOL_TOKEN, 'session-token': answer.sessionToken, 'worker-name': 'mac-1' };
    const poll = await the.call(workers.poll, worker, { runningTasks: ['7', 'odd'], oldRunningTasks: [7n] });
    expect([poll.answer.tasksToStop, poll.answer.oldTaskIdsToStop]).toEqual([['7', 'odd'], [7n]]);
    const agent = (id: string, secret: string) => ({
      'org.cirruslabs.task-id': id,
      'org.cirruslabs.client-secret': secret,
    });
    expect((await the.call(agents.heartbeat, {}, {})).status).toBe(CODE.unauthenticated);
    expect((await the.call(agents.heartbeat, agent('odd', 'x'), {})).status).toBe(CODE.invalid);
    expect((await the.call(agents.heartbeat, agent('7', 'x'), {})).status).toBe(CODE.notFound);
    expect((await the.call(workers.poll, { ...worker, 'session-token': 'x' }, {})).status).toBe(CODE.denied);
  });
});

test('a TLS port speaks h2, and nothing older than TLS 1.2', async () => {
  await using the = await start(true);
  const ca = await Bun.file(AUTHORITY_FILE).text();
  const greet = (options: object) =>
    new Promise<string>((resolve) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: the.port,
        ca,
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        ...options,
      });
      socket.on('secureConnect', () => {
        resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`);
        socket.destroy();
      });
      socket.on('error', () => resolve('refused'));
    });
  expect(await greet({ minVersion: 'TLSv1.3' })).toBe('TLSv1.3 h2');
  expect(await greet({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1' })).toBe('refused');
});
