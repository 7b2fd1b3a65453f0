import { describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { AppError } from '../../src/lib/errors.ts';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import { CirrusCIService, CirrusWorkersService } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../../src/rpc/metadata.ts';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import { startRpcServer, unaryHandler, uploadHandler } from '../../src/rpc/server.ts';
import { waitFor } from '../support/wait-for.ts';
import { NO_HEADERS, never, startWire } from './fixtures.ts';

const { register, poll } = CirrusWorkersService.method;
const { streamLogs } = CirrusCIService.method;

const echo = unaryHandler(register, async (request, { headers }) => ({
  sessionToken: `${request.registrationToken}/${headers[HEADER.workerName] ?? 'nobody'}`,
}));

/** What a call that must fail failed with. */
async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RpcError);
  return error as RpcError;
}

describe('one request, one answer', () => {
  test('messages and headers arrive', async () => {
    await using wire = await startWire([echo]);
    const call = { headers: { [HEADER.workerName]: 'mini' }, timeoutMs: 5_000 };
    const answer = await wire.client().unary(register, { registrationToken: 'tök' }, call, never);
    expect(answer.sessionToken).toBe('tök/mini');
  });

  test('over a Unix socket too', async () => {
    const path = `unix:/tmp/pwagent-test-${process.pid}.sock`;
    const server = await startRpcServer({ listen: path, handlers: [echo], onBug: () => {} });
    const client = connect(parseEndpoint(path), []);
    try {
      expect((await client.unary(register, { registrationToken: 'a' }, NO_HEADERS, never)).sessionToken).toBe(
        'a/nobody',
      );
    } finally {
      client.close();
      await server.stop(AbortSignal.abort());
    }
  });

  test('a hundred at once', async () => {
    await using wire = await startWire([echo]);
    const client = wire.client();
    const names = Array.from({ length: 100 }, (_, index) => String(index));
    const answers = await Promise.all(
      names.map((registrationToken) => client.unary(register, { registrationToken }, NO_HEADERS, never)),
    );
    expect(answers.map(({ sessionToken }) => sessionToken)).toEqual(names.map((name) => `${name}/nobody`));
  });

  test('an answer over the 4 MiB that many peers allow', async () => {
    await using wire = await startWire([echo]);
    const registrationToken = 'x'.repeat(4 * 1024 * 1024 - 5);
    const answer = await wire.client().unary(register, { registrationToken }, NO_HEADERS, never);
    expect(answer.sessionToken).toHaveLength(registrationToken.length + 7);
  });

  test('a request over 4 MiB is refused by the server', async () => {
    await using wire = await startWire([echo]);
    const registrationToken = 'x'.repeat(4 * 1024 * 1024);
    const failure = await failureOf(wire.client().unary(register, { registrationToken }, NO_HEADERS, never));
    expect(failure.status).toBe('RESOURCE_EXHAUSTED');
  });
});

describe('what goes wrong has a status', () => {
  test.each<[RpcStatus]>([['PERMISSION_DENIED'], ['NOT_FOUND'], ['UNAUTHENTICATED'], ['FAILED_PRECONDITION']])(
    'a refusal with %s arrives with its words',
    async (status) => {
      const refuse = unaryHandler(register, async () => {
        throw new RpcError(status, 'das heißt: nein');
      });
      await using wire = await startWire([refuse]);
      const failure = await failureOf(wire.client().unary(register, {}, NO_HEADERS, never));
      expect([failure.status, failure.message]).toEqual([status, 'das heißt: nein']);
      expect(wire.bugs).toEqual([]);
    },
  );

  test('a bug of the server is INTERNAL, reported there, and tells the caller nothing', async () => {
    const broken = unaryHandler(register, async () => {
      throw new TypeError('secret detail');
    });
    await using wire = await startWire([broken]);
    const failure = await failureOf(wire.client().unary(register, {}, NO_HEADERS, never));
    expect(failure.status).toBe('INTERNAL');
    expect(failure.message).not.toContain('secret detail');
    expect(wire.bugs).toEqual(['Register']);
  });

  test('a method that nobody implements', async () => {
    await using wire = await startWire([echo]);
    expect((await failureOf(wire.client().unary(poll, {}, NO_HEADERS, never))).status).toBe('UNIMPLEMENTED');
  });

  test('nobody listens', async () => {
    const { port } = await unusedPort();
    const client = connect(parseEndpoint(`http://127.0.0.1:${port}`), []);
    try {
      const failure = await failureOf(client.unary(register, {}, NO_HEADERS, never));
      expect(failure.status).toBe('UNAVAILABLE');
      expect(failure.message).toContain('ECONNREFUSED');
    } finally {
      client.close();
    }
  });
});

describe('waiting is bounded', () => {
  const hanging = () => {
    const seen = { started: 0, aborted: 0 };
    const handler = unaryHandler(poll, async (_request, { signal }) => {
      seen.started += 1;
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => {
        seen.aborted += 1;
        resolve();
      });
      await promise;
      return {};
    });
    return { seen, handler };
  };

  test('by a deadline, which the server learns of', async () => {
    const { seen, handler } = hanging();
    await using wire = await startWire([handler]);
    const failure = await failureOf(wire.client().unary(poll, {}, { headers: {}, timeoutMs: 50 }, never));
    expect(failure.status).toBe('DEADLINE_EXCEEDED');
    await waitFor('the handler to be told', () => seen.aborted === seen.started);
  });

  test('by an abort, which the server learns of', async () => {
    const { seen, handler } = hanging();
    await using wire = await startWire([handler]);
    const controller = new AbortController();
    const failed = failureOf(wire.client().unary(poll, {}, NO_HEADERS, controller.signal));
    await waitFor('the call to arrive', () => seen.started === 1);
    controller.abort();
    expect((await failed).status).toBe('CANCELLED');
    await waitFor('the handler to be told', () => seen.aborted === 1);
  });

  test('an aborted call is not made', async () => {
    const { seen, handler } = hanging();
    await using wire = await startWire([handler]);
    expect((await failureOf(wire.client().unary(poll, {}, NO_HEADERS, AbortSignal.abort()))).status).toBe('CANCELLED');
    expect(seen.started).toBe(0);
  });

  test('stopping the server cuts what still runs once its time is over', async () => {
    const { seen, handler } = hanging();
    await using wire = await startWire([handler]);
    const failed = failureOf(wire.client().unary(poll, {}, NO_HEADERS, never));
    await waitFor('the call to arrive', () => seen.started === 1);
    await wire.server.stop(AbortSignal.abort());
    expect(['UNAVAILABLE', 'CANCELLED', 'UNKNOWN', 'INTERNAL']).toContain((await failed).status);
  });
});

describe('streams to the server', () => {
  const sizes: number[] = [];
  const counting = uploadHandler(streamLogs, async (messages) => {
    let bytes = 0;
    for await (const { value } of messages) if (value.case === 'chunk') bytes += value.value.data.length;
    sizes.push(bytes);
    return { bytesLogged: BigInt(bytes) };
  });

  test('all pieces arrive, in as many writes as it takes', async () => {
    await using wire = await startWire([counting]);
    const upload = wire.client().upload(streamLogs, {}, never);
    for (let round = 0; round < 20; round += 1) {
      await upload.write({ value: { case: 'chunk', value: { data: new Uint8Array(1024 * 1024) } } });
    }
    expect(await upload.finish()).toMatchObject({ bytesLogged: 20n * 1024n * 1024n });
  });

  test('a server that refuses in the middle ends the writing', async () => {
    const refusing = uploadHandler(streamLogs, async (messages) => {
      for await (const _ of messages) throw new RpcError('PERMISSION_DENIED', 'not yours');
      return {};
    });
    await using wire = await startWire([refusing]);
    const upload = wire.client().upload(streamLogs, {}, never);
    const writing = async () => {
      for (let round = 0; round < 1_000; round += 1) {
        await upload.write({ value: { case: 'chunk', value: { data: new Uint8Array(64 * 1024) } } });
      }
    };
    expect((await failureOf(writing())).status).toBe('PERMISSION_DENIED');
    expect((await failureOf(upload.finish())).message).toBe('not yours');
  });

  test('an abort ends the stream', async () => {
    await using wire = await startWire([counting]);
    const controller = new AbortController();
    const upload = wire.client().upload(streamLogs, {}, controller.signal);
    await upload.write({ value: { case: 'chunk', value: { data: Uint8Array.of(1) } } });
    controller.abort();
    expect((await failureOf(upload.finish())).status).toBe('CANCELLED');
    expect(wire.bugs).toEqual([]);
  });
});

async function unusedPort(): Promise<{ port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return { port };
}

test('an address that is taken is told with a remedy', async () => {
  await using wire = await startWire([echo]);
  const listen = `127.0.0.1:${wire.server.port}`;
  const error = await startRpcServer({ listen, handlers: [echo], onBug: () => {} }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).code).toBe('UNAVAILABLE');
  expect((error as AppError).message).toBe(`address ${listen} cannot be listened on`);
});
