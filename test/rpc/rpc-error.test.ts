import { expect, test } from 'bun:test';
import { status } from '@grpc/grpc-js';
import { AppError } from '../../src/lib/errors.ts';
import { RpcError, type RpcStatus, retryOf } from '../../src/rpc/rpc-error.ts';

const EXPECTED: Readonly<Record<RpcStatus, string>> = {
  OK: 'backoff',
  CANCELLED: 'backoff',
  UNKNOWN: 'backoff',
  INVALID_ARGUMENT: 'never',
  DEADLINE_EXCEEDED: 'backoff',
  NOT_FOUND: 'register-again',
  ALREADY_EXISTS: 'backoff',
  PERMISSION_DENIED: 'register-again',
  RESOURCE_EXHAUSTED: 'backoff',
  FAILED_PRECONDITION: 'never',
  ABORTED: 'backoff',
  OUT_OF_RANGE: 'never',
  UNIMPLEMENTED: 'never',
  INTERNAL: 'backoff',
  UNAVAILABLE: 'backoff',
  DATA_LOSS: 'backoff',
  UNAUTHENTICATED: 'register-again',
};

test('the table knows every status of the library', () => {
  const names = Object.keys(status).filter((name) => Number.isNaN(Number(name)));
  expect(Object.keys(EXPECTED).sort()).toEqual(names.sort());
});

test.each(Object.entries(EXPECTED))('after %s: %s', (name, retry) => {
  expect(retryOf(new RpcError(name as RpcStatus, 'x'))).toBe(retry as ReturnType<typeof retryOf>);
});

test.each([
  ['a foreign error', new Error('x')],
  ['one of ours', new AppError('CONFIG', 'x')],
  ['text', 'text'],
  ['nothing', undefined],
])('anything else is tried again: %s', (_name, error) => {
  expect(retryOf(error)).toBe('backoff');
});

test('it carries status, message and cause', () => {
  const cause = new Error('deep');
  const error = new RpcError('NOT_FOUND', 'no such task', { cause });
  expect([error.status, error.message, error.cause, error.name]).toEqual([
    'NOT_FOUND',
    'no such task',
    cause,
    'RpcError',
  ]);
});
