import { describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  CirrusCIService,
  CirrusWorkersService,
  RegisterRequestSchema,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { MAX_RECEIVE_BYTES, startRpcServer, unaryHandler, uploadHandler } from '../../src/rpc/server.ts';
import { grpcFrame, rawGrpc } from '../support/raw-grpc.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWire } from './fixtures.ts';

const REGISTER = `/${CirrusWorkersService.typeName}/Register`;
const STREAM_LOGS = `/${CirrusCIService.typeName}/StreamLogs`;
const STATUS = { deadline: '4', exhausted: '8', unimplemented: '12', internal: '13', ok: '0' } as const;

const echo = unaryHandler(CirrusWorkersService.method.register, async ({ registrationToken }, { headers }) => ({
  sessionToken: `${registrationToken.length} ${headers['session-token'] ?? ''}`,
}));
const count = uploadHandler(CirrusCIService.method.streamLogs, async (messages) => {
  let bytes = 0;
  for await (const { value } of messages) bytes += value.case === 'chunk' ? value.value.data.length : 0;
  return { bytesLogged: BigInt(bytes) };
});

async function start(requestMs?: number) {
  const bugs: string[] = [];
  const onBug = (method: string, error: unknown) => void bugs.push(`${method} ${String(error)}`);
  const server = await startRpcServer({ listen: '127.0.0.1:0', handlers: [echo, count], onBug, requestMs });
  const url = `http://127.0.0.1:${server.port}`;
  return {
    server,
    url,
    bugs,
    /** A well-behaved call on a connection of its own is answered. */
    async serves(): Promise<boolean> {
      using raw = rawGrpc(url);
      return (await raw.call(REGISTER, {}, grpcFrame(new Uint8Array()))).status === STATUS.ok;
    },
    [Symbol.asyncDispose]: () => server.stop(AbortSignal.abort()),
  };
}

const request = (length: number) =>
  toBinary(RegisterRequestSchema, create(RegisterRequestSchema, { registrationToken: 'x'.repeat(length) }));

describe('messages that are wrong', () => {
  test.each<[string, Record<string, string>, Uint8Array, string]>([
    ['bytes that are no message', {}, grpcFrame(new Uint8Array([255, 255, 255])), STATUS.internal],
    ['a length beyond the limit', {}, grpcFrame(new Uint8Array(10), { announced: 0x7fff_ffff }), STATUS.exhausted],
    ['a length beyond the data', {}, grpcFrame(new Uint8Array(10), { announced: 20 }), STATUS.unimplemented],
    ['no message', {}, new Uint8Array(), STATUS.unimplemented],
    [
      'two messages',
      {},
      Buffer.concat([grpcFrame(new Uint8Array()), grpcFrame(new Uint8Array())]),
      STATUS.unimplemented,
    ],
    ['compressed, without saying how', {}, grpcFrame(Buffer.from('zzz'), { flag: 1 }), STATUS.internal],
    ['gzip that is none', { 'grpc-encoding': 'gzip' }, grpcFrame(Buffer.from('zzz'), { flag: 1 }), STATUS.internal],
    [
      'an unknown compression',
      { 'grpc-encoding': 'odd' },
      grpcFrame(Buffer.from('zzz'), { flag: 1 }),
      STATUS.unimplemented,
    ],
    ['4 MiB and a byte', {}, grpcFrame(request(MAX_RECEIVE_BYTES - 4)), STATUS.exhausted],
    [
      '64 MiB in 64 KiB of gzip',
      { 'grpc-encoding': 'gzip' },
      grpcFrame(gzipSync(request(64 * 1024 * 1024)), { flag: 1 }),
      STATUS.exhausted,
    ],
  ])('%s', async (_title, headers, body, status) => {
    await using the = await start();
    using raw = rawGrpc(the.url);
    expect((await raw.call(REGISTER, headers, body)).status).toBe(status);
    expect([await the.serves(), the.bugs]).toEqual([true, []]);
  });

  test('4 MiB, plain and in gzip, are taken', async () => {
    await using the = await start();
    using raw = rawGrpc(the.url);
    const body = request(MAX_RECEIVE_BYTES - 5);
    expect(body.length).toBe(MAX_RECEIVE_BYTES);
    expect((await raw.call(REGISTER, {}, grpcFrame(body))).status).toBe(STATUS.ok);
    const packed = grpcFrame(gzipSync(body), { flag: 1 });
    expect((await raw.call(REGISTER, { 'grpc-encoding': 'gzip' }, packed)).status).toBe(STATUS.ok);
  });
});

describe('headers', () => {
  test('of one that occurs more than once, the first value counts', async () => {
    await using the = await start();
    using raw = rawGrpc(the.url);
    const { data } = await raw.call(REGISTER, { 'session-token': ['first', 'second'] }, grpcFrame(new Uint8Array()));
    expect(data.toString('latin1')).toContain('0 first');
    expect(data.toString('latin1')).not.toContain('second');
  });

  test.each<[string, Record<string, string>]>([
    ['one of a megabyte', { 'x-large': 'y'.repeat(1024 * 1024) }],
    ['four thousand', Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [`x-${n}`, 'y'.repeat(50)]))],
  ])('%s: the call is cut, others are served', async (_title, headers) => {
    await using the = await start();
    using raw = rawGrpc(the.url);
    expect((await raw.call(REGISTER, headers, grpcFrame(new Uint8Array()))).status).not.toBe(STATUS.ok);
    expect([await the.serves(), the.bugs]).toEqual([true, []]);
  });

  test('another content type is no gRPC', async () => {
    await using the = await start();
    using raw = rawGrpc(the.url);
    expect((await raw.call(REGISTER, { 'content-type': 'text/plain' }, grpcFrame(new Uint8Array()))).http).toBe(415);
  });
});

describe('callers that keep the server waiting', () => {
  test('a request that does not come is ended, the rest of the connection is not', async () => {
    await using the = await start(50);
    using raw = rawGrpc(the.url);
    const half = raw.open(REGISTER, {});
    half.stream.write(grpcFrame(new Uint8Array(10), { announced: 20 }));
    const silent = raw.open(STREAM_LOGS, {});
    silent.stream.write(new Uint8Array([0, 0]));
    for (const { answer } of [half, silent]) {
      expect(await answer).toMatchObject({
        status: STATUS.deadline,
        message: 'the request did not come within 0.05 s',
      });
    }
    expect((await raw.call(REGISTER, {}, grpcFrame(new Uint8Array()))).status).toBe(STATUS.ok);
  });

  test('a stream may be quiet after its first message', async () => {
    await using the = await start(50);
    using raw = rawGrpc(the.url);
    const quiet = raw.open(STREAM_LOGS, {});
    quiet.stream.write(grpcFrame(new Uint8Array()));
    const other = raw.open(REGISTER, {});
    await other.answer; // is ended for its silence, long after the first message of the quiet one
    quiet.stream.end(grpcFrame(new Uint8Array()));
    expect((await quiet.answer).status).toBe(STATUS.ok);
  });

  test.each([
    ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['noise', '\x00\xff'.repeat(5_000)],
    ['a preface and noise', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(100)}`],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.padEnd(500, 'x')],
  ])('%s instead of HTTP/2: the connection is closed', async (_title, bytes) => {
    await using the = await start();
    const socket = connect(the.server.port, '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.write(Buffer.from(bytes, 'latin1'));
    await closed;
    expect([await the.serves(), the.bugs]).toEqual([true, []]);
  });

  test('a thousand calls that are taken back at once cost nothing', async () => {
    await using the = await start();
    using raw = rawGrpc(the.url);
    for (let turn = 0; turn < 1_000; turn += 1) raw.open(STREAM_LOGS, {}).stream.close(8);
    expect([await the.serves(), the.bugs]).toEqual([true, []]);
  });
});

test('a handler that is slow to read slows its sender down', async () => {
  const gate = Promise.withResolvers<void>();
  const slow = uploadHandler(CirrusCIService.method.streamLogs, async (messages) => {
    let pieces = 0;
    for await (const _message of messages) {
      if (pieces === 0) await gate.promise;
      pieces += 1;
    }
    return { bytesLogged: BigInt(pieces) };
  });
  await using wire = await startWire([slow]);
  const upload = wire.client().upload(CirrusCIService.method.streamLogs, {}, AbortSignal.timeout(20_000));
  const data = new Uint8Array(1024 * 1024);
  let written = 0;
  const sending = (async () => {
    for (; written < 150; written += 1) await upload.write({ value: { case: 'chunk', value: { data } } });
    return Number((await upload.finish()).bytesLogged);
  })();
  let [before, steady] = [-1, 0];
  await waitFor('the sender to be held up', () => {
    steady = written === before ? steady + 1 : 0;
    before = written;
    return steady >= 20;
  });
  expect(written).toBeLessThan(75); // windows and buffers on both sides; without back-pressure all 150 would be out
  gate.resolve();
  expect(await sending).toBe(150);
});
