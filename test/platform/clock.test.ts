import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { systemClock } from '../../src/platform/clock.ts';
import { continuousNowMs } from '../../src/platform/continuous-clock.ts';
import { testNeeding } from '../support/requirement.ts';

const never = new AbortController().signal;

test('a sleep ends after its time', async () => {
  const before = systemClock.monoMs();
  await systemClock.sleep(5, never);
  expect(systemClock.monoMs()).toBeGreaterThan(before);
});

test('an aborted sleep rejects at once with the reason', async () => {
  const controller = new AbortController();
  const slept = systemClock.sleep(60_000, controller.signal);
  controller.abort('enough');
  expect(await slept.catch((reason: unknown) => reason)).toBe('enough');
});

test('a sleep under an aborted signal never starts', async () => {
  expect(await systemClock.sleep(0, AbortSignal.abort('gone')).catch((reason: unknown) => reason)).toBe('gone');
});

test('an abort after the end changes nothing', async () => {
  const controller = new AbortController();
  await systemClock.sleep(0, controller.signal);
  controller.abort();
});

test('what was taken back is not called', async () => {
  let calls = 0;
  const cancel = systemClock.after(1, () => {
    calls += 1;
  });
  cancel();
  await systemClock.sleep(5, never);
  expect(calls).toBe(0);
});

test('a wait beyond what timers hold does not end at once, and can be taken back', async () => {
  let calls = 0;
  const cancel = systemClock.after(2 ** 31 + 10, () => {
    calls += 1;
  });
  await systemClock.sleep(10, never); // a timer that overflowed would have fired after 1 ms
  cancel();
  expect(calls).toBe(0);
});

test('a negative wait is no wait', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.after(-5, resolve);
  await promise;
});

test('neither steady clock goes back', () => {
  let [mono, continuous] = [systemClock.monoMs(), continuousNowMs()];
  for (let round = 0; round < 1_000; round += 1) {
    const [nextMono, nextContinuous] = [systemClock.monoMs(), continuousNowMs()];
    expect(nextMono >= mono && nextContinuous >= continuous).toBe(true);
    [mono, continuous] = [nextMono, nextContinuous];
  }
});

test('wall time is milliseconds since 1970', () => {
  expect(new Date(systemClock.wallMs()).getUTCFullYear()).toBeGreaterThanOrEqual(2026);
});

const onLinux = testNeeding(
  'the continuous clock',
  process.platform === 'linux' ? undefined : 'compared with /proc/uptime',
);
onLinux('the continuous clock counts milliseconds since boot, sleep included', () => {
  const uptimeMs = Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1_000;
  expect(Math.abs(systemClock.continuousMs() - uptimeMs)).toBeLessThan(1_000);
});
