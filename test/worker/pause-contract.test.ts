import { afterAll, beforeEach, expect, test } from 'bun:test';
import * as grpc from '@grpc/grpc-js';
import { Secret } from '../../src/lib/secret.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import { type PauseDeps, pauseWorker, resumeWorker } from '../../src/worker/pause.ts';

/** The bytes of spec/wire-protocol.md for `worker pause` and `worker resume`, written down without the generated code. */

const SERVICE = '/org.cirruslabs.ci.services.cirruscigrpc.CirrusWorkersService/';

const seen: { method: string; request: string; headers: (string | undefined)[] }[] = [];
const answers = new Map<string, string[]>();
beforeEach(() => {
  seen.length = 0;
  answers.clear();
});

const raw = (value: Buffer) => value;
const methods = ['UpdateStatus', 'QueryRunningTasks'];
const server = new grpc.Server();
server.addService(
  Object.fromEntries(
    methods.map((method) => [
      method,
      {
        ...{ path: `${SERVICE}${method}`, requestStream: false, responseStream: false },
        ...{ requestSerialize: raw, requestDeserialize: raw, responseSerialize: raw, responseDeserialize: raw },
      },
    ]),
  ),
  Object.fromEntries(
    methods.map((method) => [
      method,
      (call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) => {
        const header = (name: string) => call.metadata.get(name).map(String).join('|');
        const headers = ['registration-token', 'session-token', 'worker-name'].map((name) =>
          call.metadata.getMap()[name] !== undefined ? header(name) : undefined,
        );
        seen.push({ method, request: call.request.toString('hex'), headers });
        reply(null, Buffer.from(answers.get(method)?.shift() ?? '', 'hex'));
      },
    ]),
  ),
);
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  ),
);
afterAll(() => server.forceShutdown());

const endpoint = parseEndpoint(`http://127.0.0.1:${port}`);
const subject = { name: 'w1', upstreams: [{ token: new Secret('T'), endpoint }] };
const deps: PauseDeps = {
  connect: (upstream) => connect(upstream.endpoint, []),
  clock: { ...systemClock, sleep: async () => {} },
  random: () => 0.5,
  tell: (sentence) => void told.push(sentence),
};
const told: string[] = [];
const never = new AbortController().signal;
const headers = ['T', '', 'w1'];

test('UpdateStatus and QueryRunningTasks: found by token and name, with a session that is there and empty', async () => {
  answers.set('UpdateStatus', ['0801']);
  // status {disabled}, old_running_tasks packed [5, 300], running_tasks ["a"]; then one id of each kind; then none
  answers.set('QueryRunningTasks', ['0a020801120305ac021a0161', '1a0162', '120107', '0a020801']);
  expect(await pauseWorker(subject, true, deps, never)).toEqual([]);
  expect(seen).toEqual([
    { method: 'UpdateStatus', request: '0801', headers },
    ...Array(4).fill({ method: 'QueryRunningTasks', request: '', headers }),
  ]);
  expect(told.map((sentence) => sentence.replace(/^\S+ /, ''))).toEqual([
    'waiting for a, 5, 300',
    'waiting for b',
    'waiting for 7',
  ]);
});

test('resume: a flag that is not set is not on the wire, and an empty answer repeats it', async () => {
  expect(await resumeWorker(subject, deps, never)).toEqual([]);
  expect(seen).toEqual([{ method: 'UpdateStatus', request: '', headers }]);
});
