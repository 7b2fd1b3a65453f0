import { expect, test } from 'bun:test';
import { create } from '@bufbuild/protobuf';
import { PollResponse_AgentAwareTaskSchema } from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { amountsProblem, identification, namelessProblem, oldIdOf, taskIdOf } from '../../src/worker/task-identity.ts';

const task = (taskId: string, oldTaskId = 0n, clientSecret = 's') =>
  create(PollResponse_AgentAwareTaskSchema, { taskId, oldTaskId, clientSecret });

test.each([
  ['new', task('abc', 7n), 'abc'],
  ['old', task('', 7n), '7'],
  ['old and negative', task('', -7n), '-7'],
])('%s id', (_name, message, id) => {
  expect(taskIdOf(message)).toBe(id);
  expect(namelessProblem(message)).toBeUndefined();
});

test.each([
  ['0', 0n],
  ['-5', -5n],
  ['+5', 5n],
  ['007', 7n],
  ['9223372036854775807', 9223372036854775807n],
  ['-9223372036854775808', -9223372036854775808n],
  ['9223372036854775808', undefined],
  ['1e3', undefined],
  ['', undefined],
  ['0x10', undefined],
  ['uuid-1', undefined],
] as const)('as the number of old peers: %p', (id, number) => {
  expect(oldIdOf(id)).toBe(number as bigint | undefined);
  const body = number === undefined ? undefined : { taskId: number as bigint, secret: 's' };
  expect(identification({ id, clientSecret: 's' })).toEqual(body);
});

test.each([
  ['no id', task(''), 'it has no id'],
  ['an id that no header can hold', task('a\nb'), 'not plain text'],
  ['an id with blanks around', task(' a'), 'not plain text'],
  ['an endless id', task('a'.repeat(257)), 'too long'],
  ['no secret', task('a', 0n, ''), 'its secret is missing'],
  ['a secret that no header can hold', task('a', 0n, 'ü'), 'not plain text'],
])('a task with %s cannot be answered', (_name, message, problem) => {
  expect(namelessProblem(message)).toContain(problem);
});

test.each([
  [{ cpu: -1 }, '-1 of the resource "cpu"'],
  [{ cpu: Number.NaN }, 'NaN of'],
  [{ cpu: Number.POSITIVE_INFINITY }, 'Infinity of'],
  [{ cpu: 1e300 }, '1e+300 of'],
])('resources %p are refused', (amounts, problem) => {
  expect(amountsProblem(amounts)).toContain(problem);
});

test('amounts from nothing up are taken', () => {
  expect(amountsProblem({ a: 0, b: 0.5, c: 1e9 })).toBeUndefined();
});
