import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import * as grpc from '@grpc/grpc-js';
import { Secret } from '../../src/lib/secret.ts';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import type { PollResponse } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { createUpstream, type PollState } from '../../src/worker/upstream.ts';

/*
 * The bytes of spec/wire-protocol.md, section 8.1, written down without the generated code: what the worker sends for given
 * values, and what it reads from given bytes. Letters in brackets are field numbers and types of the tables there.
 */

/** A varint field: `[number] value`. */
const varint = (number: number, value: number) => Buffer.from([number << 3, value]);
/** A field with a length: text, bytes, a message, packed numbers. */
const block = (number: number, ...content: (string | Buffer)[]) => {
  const bytes = Buffer.concat(content.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
/** A double, little-endian. */
const double = (number: number, value: number) => {
  const bytes = Buffer.alloc(9);
  bytes[0] = (number << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
};
const entry = (number: number, key: string, value: string | number) =>
  block(number, block(1, key), typeof value === 'string' ? block(2, value) : double(2, value));

const SERVICE = '/org.cirruslabs.ci.services.cirruscigrpc.CirrusWorkersService/';
const METHODS = ['Register', 'Poll', 'TaskStarted', 'TaskFailed', 'TaskStopped', 'UpdateStatus', 'QueryRunningTasks'];

const seen: { method: string; request: Buffer; headers: Record<string, string> }[] = [];
const answers = new Map<string, Buffer>();
beforeEach(() => {
  seen.length = 0;
  answers.clear();
});

const raw = (value: Buffer) => value;
const server = new grpc.Server();
const definition = METHODS.map((method) => [
  method,
  {
    path: `${SERVICE}${method}`,
    ...{ requestStream: false, responseStream: false, requestSerialize: raw, requestDeserialize: raw },
    ...{ responseSerialize: raw, responseDeserialize: raw },
  } as const,
]);
const handler = (method: string) => (call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) => {
  const own = Object.entries(call.metadata.getMap()).filter(
    ([name]) => !['user-agent', 'grpc-accept-encoding'].includes(name),
  );
  seen.push({
    method,
    request: call.request,
    headers: Object.fromEntries(own.map(([name, value]) => [name, `${value}`])),
  });
  reply(null, answers.get(method) ?? Buffer.alloc(0));
};
server.addService(
  Object.fromEntries(definition),
  Object.fromEntries(METHODS.map((method) => [method, handler(method)])),
);
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  ),
);
const client = connect(parseEndpoint(`http://127.0.0.1:${port}`), []);
afterAll(() => {
  client.close();
  server.forceShutdown();
});

const never = new AbortController().signal;
const info = { labels: { os: 'linux' }, resourcesTotal: { cpu: 2 } };
const INFO = Buffer.concat([entry(1, 'os', 'linux'), entry(2, 'cpu', 2)]);

/** An upstream that has registered with the session `S`. */
async function registered() {
  const upstream = createUpstream({ client, name: 'w1', token: new Secret('T'), info });
  answers.set('Register', block(1, 'S'));
  await upstream.register(never);
  const [call] = seen.splice(0);
  return { upstream, call };
}

const idle: PollState = { running: [], resourcesInUse: {}, standby: [] };
const hex = (bytes: Buffer | undefined) => bytes?.toString('hex');

describe('requests', () => {
  test('Register: token and worker info in the body, no header', async () => {
    const { call } = await registered();
    expect(hex(call?.request)).toBe(hex(Buffer.concat([block(1, 'T'), block(2, INFO)])));
    expect(hex(call?.request)).toBe('0a0154121d0a0b0a026f7312056c696e7578120e0a03637075110000000000000040');
    expect(call?.headers).toEqual({});
  });

  test('Poll: info, both kinds of ids, resources in use', async () => {
    const { upstream } = await registered();
    await upstream.poll({ ...idle, running: ['7', 'uuid', '-1'], resourcesInUse: { cpu: 0.5 } }, never);
    const minusOne = Buffer.from('ffffffffffffffffff01', 'hex');
    const parts = [
      block(1, INFO),
      block(2, Buffer.from([7]), minusOne), // packed
      entry(3, 'cpu', 0.5),
      block(4, '7'),
      block(4, 'uuid'),
      block(4, '-1'),
    ];
    expect(hex(seen[0]?.request)).toBe(hex(Buffer.concat(parts)));
    expect(seen[0]?.headers).toEqual({ 'session-token': 'S', 'worker-name': 'w1' });
  });

  test('Poll: what stands by', async () => {
    const { upstream } = await registered();
    const isolation = { type: { case: 'tart' as const, value: { image: 'i' } } };
    await upstream.poll({ ...idle, standby: [{ parameters: { isolation }, ageSeconds: 9n }] }, never);
    const standby = block(5, block(1, block(1, block(4, block(1, 'i')))), varint(2, 9));
    expect(hex(seen[0]?.request)).toBe(hex(Buffer.concat([block(1, INFO), standby])));
  });

  test.each([
    ['7', Buffer.concat([varint(1, 7), block(2, 'C')])],
    ['uuid', Buffer.alloc(0)],
  ])('TaskStarted, TaskStopped and TaskFailed of task %s', async (id, body) => {
    const { upstream } = await registered();
    const key = { id, clientSecret: 'C' };
    await upstream.taskStarted(key, never);
    await upstream.taskStopped(key, never);
    await upstream.taskFailed(key, 'no', never);
    const failed = Buffer.concat([...(body.length > 0 ? [block(1, body)] : []), block(2, 'no')]);
    expect(seen.map(({ method, request }) => [method, hex(request)])).toEqual([
      ['TaskStarted', hex(body)],
      ['TaskStopped', hex(body)],
      ['TaskFailed', hex(failed)],
    ]);
    const headers = {
      ...{ 'session-token': 'S', 'worker-name': 'w1' },
      ...{ 'org.cirruslabs.task-id': id, 'org.cirruslabs.client-secret': 'C' },
    };
    for (const call of seen) expect(call.headers).toEqual(headers);
  });

  test('UpdateStatus: a set flag alone is on the wire', async () => {
    const { upstream } = await registered();
    await upstream.setDisabled(true, never);
    await upstream.setDisabled(false, never);
    expect(seen.map(({ request }) => hex(request))).toEqual(['0801', '']);
    expect(seen[0]?.headers).toEqual({ 'registration-token': 'T', 'session-token': 'S', 'worker-name': 'w1' });
  });
});

describe('answers', () => {
  const task = [
    varint(1, 5),
    block(2, 'C'),
    block(3, 'V'),
    block(4, block(1)), // isolation none, set and empty
    block(5, 'old agent'),
    entry(6, 'cpu', 1.5),
    block(7, '0.165.0'),
    block(8, 'id'),
    block(9, 'P'),
    block(10, 'R'),
  ];
  const fields = [
    block(1, ...task),
    block(2, Buffer.from([1, 2])), // packed
    Buffer.from([3 << 3, 0x90, 0x1c]), // 3600
    varint(4, 1),
    block(5, 'stop'),
    block(6, block(1, block(5, block(1, 'vm'))), entry(2, 'vms', 1), block(3, block(1, 'make'), varint(2, 60))),
  ];

  function check(response: PollResponse): void {
    expect(response).toMatchObject({
      tasksToStart: [
        {
          ...{ oldTaskId: 5n, clientSecret: 'C', serverSecret: 'V', agentVersion: 'old agent', cliVersion: '0.165.0' },
          ...{ taskId: 'id', traceparent: 'P', tracestate: 'R', resourcesToUse: { cpu: 1.5 } },
          isolation: { type: { case: 'none' } },
        },
      ],
      oldTaskIdsToStop: [1n, 2n],
      pollIntervalInSeconds: 3_600,
      shutdown: true,
      tasksToStop: ['stop'],
      updatedStandbyInstances: [
        {
          isolation: { type: { case: 'vetu', value: { image: 'vm' } } },
          resources: { vms: 1 },
          warmup: { script: 'make', timeoutSeconds: 60n },
        },
      ],
    });
  }

  test('PollResponse: every field', async () => {
    const { upstream } = await registered();
    answers.set('Poll', Buffer.concat(fields));
    check(await upstream.poll(idle, never));
  });

  test('in any order, numbers not packed, unknown fields among them', async () => {
    const { upstream } = await registered();
    const unpacked = [varint(2, 1), varint(2, 2)];
    const [start, , ...rest] = fields;
    const shuffled = [...rest.toReversed(), block(15, 'from the future'), ...unpacked, start ?? Buffer.alloc(0)];
    answers.set('Poll', Buffer.concat(shuffled));
    check(await upstream.poll(idle, never));
  });

  test('an empty message is one with all defaults', async () => {
    const { upstream } = await registered();
    expect(await upstream.poll(idle, never)).toMatchObject({
      tasksToStart: [],
      pollIntervalInSeconds: 0,
      shutdown: false,
    });
  });

  test('bytes that are no message are an error of the call', async () => {
    const { upstream } = await registered();
    answers.set('Poll', Buffer.from('ffffffff', 'hex'));
    const failure = await upstream.poll(idle, never).catch((error: unknown) => error); // `rejects` would stop the server of this process
    expect([failure instanceof RpcError, `${failure}`]).toEqual([
      true,
      expect.stringContaining('message parsing error'),
    ]);
  });
});
