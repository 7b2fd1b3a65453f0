import { expect, test } from 'bun:test';
import { askProgram } from '../../src/platform/ask-program.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { FakeClock } from '../support/fake-clock.ts';

const never = new AbortController().signal;
const options = { env: { PATH: '/usr/bin:/bin' }, limitMs: 30_000, clock: systemClock };

test('tells how a program ended and what it printed', async () => {
  const answer = await askProgram(['sh', '-c', 'echo out; echo err >&2; exit 7'], options, never);
  expect(answer).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
});

test('gives it nothing but the environment that is named', async () => {
  const { stdout } = await askProgram(['env'], { ...options, env: { PATH: '/usr/bin:/bin', A: 'b' } }, never);
  expect(stdout.split('\n').filter((line) => !/^(_|PWD|SHLVL|PATH)=/.test(line))).toEqual(['A=b', '']);
});

test('keeps the first part of a flood and reads the rest', async () => {
  const { code, stdout } = await askProgram(['sh', '-c', 'yes | head -c 1000000'], options, never);
  expect([code, stdout.length]).toEqual([0, 64 * 1024]);
});

test('a program that leaves a child holding its output does not hold us', async () => {
  const { code, stdout } = await askProgram(['sh', '-c', 'sleep 600 & echo done'], options, never);
  expect([code, stdout]).toEqual([0, 'done\n']);
});

test('one that takes too long is ended', async () => {
  const clock = new FakeClock();
  const asked = askProgram(['sleep', '600'], { ...options, limitMs: 5_000, clock }, never);
  while (clock.pending === 0) await Bun.sleep(1);
  await clock.advance(5_000);
  expect((await asked).code).toBeNull();
});

test('an abort ends it; what is not there is told', async () => {
  const stopper = new AbortController();
  const asked = askProgram(['sleep', '600'], options, stopper.signal);
  stopper.abort('enough');
  await expect(asked.then(({ code }) => code)).resolves.toBeNull();
  await expect(askProgram(['/nowhere/tool'], options, never)).rejects.toMatchObject({ exitCode: 78 });
});
