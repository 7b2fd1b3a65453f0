import { describe, expect, test } from 'bun:test';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { AppError } from '../../src/lib/errors.ts';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import {
  CirrusWorkersService,
  RegisterRequestSchema,
  RegisterResponseSchema,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { startRpcServer, unaryHandler } from '../../src/rpc/server.ts';
import { rootsFrom } from '../../src/rpc/tls.ts';
import { AUTHORITY_FILE, certificate } from '../support/certificates.ts';
import { NO_HEADERS, never, startWire } from './fixtures.ts';

const { register } = CirrusWorkersService.method;
const echo = unaryHandler(register, async ({ registrationToken }) => ({ sessionToken: registrationToken }));
const request = { registrationToken: 'token' };

function failureOf(call: Promise<unknown>): Promise<RpcError> {
  return call.then(
    () => new RpcError('OK', 'the call succeeded'),
    (reason: RpcError) => reason,
  );
}

describe('TLS', () => {
  test.each(['127.0.0.1', 'localhost'])('a trusted certificate for %s is taken', async (host) => {
    await using wire = await startWire([echo], certificate('loopback'));
    expect((await wire.client('https', host).unary(register, request, NO_HEADERS, never)).sessionToken).toBe('token');
  });

  test.each([
    ['that nobody we trust signed', 'stranger', 'is not trusted'],
    ['for another name', 'elsewhere', 'is for another name'],
  ] as const)('a certificate %s is refused with the reason', async (_name, which, reason) => {
    await using wire = await startWire([echo], certificate(which));
    const failure = await failureOf(wire.client().unary(register, request, NO_HEADERS, never));
    expect(failure.status).toBe('UNAVAILABLE');
    expect(failure.message).toStartWith(`the certificate of the server ${reason}`);
  });

  test('without our authority among the roots the right certificate is refused too', async () => {
    await using wire = await startWire([echo], certificate('loopback'));
    const client = connect(parseEndpoint(`https://127.0.0.1:${wire.server.port}`), rootsFrom(undefined));
    try {
      const failure = await failureOf(client.unary(register, request, NO_HEADERS, never));
      expect([failure.status, failure.message]).toEqual(['UNAVAILABLE', expect.stringContaining('SSL_CERT_FILE')]);
    } finally {
      client.close();
    }
  });

  test('clear text does not reach a server that wants TLS, nor the other way round', async () => {
    await using secure = await startWire([echo], certificate('loopback'));
    await using clear = await startWire([echo]);
    const call = { headers: {}, timeoutMs: 1_000 };
    expect((await failureOf(secure.client('http').unary(register, request, call, never))).status).toBe('UNAVAILABLE');
    expect((await failureOf(clear.client('https').unary(register, request, call, never))).status).toBe('UNAVAILABLE');
  });

  test('a server that offers nothing newer than TLS 1.2 is refused', async () => {
    const { certificate: cert, key } = certificate('loopback');
    const sessions: unknown[] = [];
    const old = createSecureServer({ cert, key, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
    old.on('session', (session) => sessions.push(session));
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
    const { port } = old.address() as AddressInfo;
    const client = connect(parseEndpoint(`https://127.0.0.1:${port}`), rootsFrom(AUTHORITY_FILE));
    try {
      const failure = await failureOf(client.unary(register, request, NO_HEADERS, never));
      expect(failure.status).toBe('UNAVAILABLE');
      expect(sessions).toEqual([]);
    } finally {
      client.close();
      old.close();
    }
  });

  test('a server does not start with a certificate and the key of another', async () => {
    const pair = { ...certificate('loopback'), key: certificate('stranger').key };
    const started = startRpcServer({ listen: '127.0.0.1:0', certificate: pair, handlers: [echo], onBug: () => {} });
    const error = await started.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe('CONFIG');
  });
});

test('requests compressed with gzip, as Go agents send them, are read', async () => {
  await using wire = await startWire([echo]);
  const options = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };
  const client = new grpc.Client(`127.0.0.1:${wire.server.port}`, grpc.credentials.createInsecure(), options);
  const registrationToken = 'compressible '.repeat(10_000);
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      client.makeUnaryRequest(
        `/${register.parent.typeName}/${register.name}`,
        (text: string) =>
          Buffer.from(toBinary(RegisterRequestSchema, create(RegisterRequestSchema, { registrationToken: text }))),
        (bytes) => fromBinary(RegisterResponseSchema, bytes).sessionToken,
        registrationToken,
        (error, value) => (error ? reject(error) : resolve(value ?? '')),
      );
    });
    expect(answer).toBe(registrationToken);
  } finally {
    client.close();
  }
});
