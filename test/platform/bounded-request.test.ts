import { expect, test } from 'bun:test';
import { exchange, type Fetch, failure, withinTime } from '../../src/platform/bounded-request.ts';
import { FakeClock } from '../support/fake-clock.ts';

const NEVER = new AbortController().signal;
const request = { method: 'GET', url: 'http://127.0.0.1/', headers: {}, direct: true } as const;
const answering =
  (body: string, headers: Record<string, string> = {}): Fetch =>
  async () =>
    new Response(body, { headers });

test('a failure is fit for a log', async () => {
  expect(failure('a\u001b[2J\n').problem).toBe('a\uFFFD[2J\uFFFD');
  const refusing: Fetch = () => Promise.reject(new Error('\u001b]0;evil\u0007'));
  expect(await exchange(request, refusing, NEVER)).toEqual({
    ok: false,
    problem: 'no usable answer (Error: \uFFFD]0;evil\uFFFD)',
  });
});

test.each([
  [64 * 1024, true],
  [64 * 1024 + 1, false],
])('a body of %d bytes is taken: %p', async (length, isTaken) => {
  expect((await exchange(request, answering('x'.repeat(length)), NEVER)).ok).toBe(isTaken);
});

test.each([
  ['gzip', false],
  ['br', false],
  ['identity', true],
])('an answer said to be packed with %s is taken: %p', async (encoding, isTaken) => {
  expect((await exchange(request, answering('x', { 'content-encoding': encoding }), NEVER)).ok).toBe(isTaken);
});

test('the time of the service comes along, whatever it answered', async () => {
  const answer = await exchange(request, answering('x', { date: 'Thu, 01 Jan 2026 00:00:07 GMT' }), NEVER);
  expect(answer).toMatchObject({ ok: true, dateMs: Date.UTC(2026, 0, 1, 0, 0, 7) });
});

test('work that ends in time leaves no timer behind, and is told to stop anything else it began', async () => {
  const clock = new FakeClock();
  const signals: AbortSignal[] = [];
  const work = async (signal: AbortSignal) => {
    signals.push(signal);
    return { ok: true, value: 7, dateMs: undefined } as const;
  };
  expect(await withinTime(1_000, clock, work, NEVER)).toMatchObject({ value: 7 });
  expect([clock.pending, signals[0]?.aborted]).toEqual([0, true]);
});

test('a bug is no failure', async () => {
  const bug = () => Promise.reject(new TypeError('bug'));
  await expect(withinTime(1_000, new FakeClock(), bug, NEVER)).rejects.toThrow('bug');
});
