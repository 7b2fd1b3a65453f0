import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readdirSync, statSync } from 'node:fs';
import { FakeMetadata } from '../../support/fake-metadata.ts';
import { supervised } from './runner-site.ts';
import { STAND_INS } from './stand-ins.ts';

/**
 * Whole supervisors with stand-ins. They see each other's jobs in the process table, as well as those of
 * command-worker.system.test.ts, which therefore imports them: the tests of one file run one after the other.
 */
setDefaultTimeout(30_000); // bounds for a machine under load; each takes about two seconds

type Name = keyof typeof STAND_INS;
const NAMES = Object.keys(STAND_INS) as Name[];

const runner = (name: Name) => (folder: string) => ({ command: STAND_INS[name](folder), busy: { preset: name } });
const SOON = { 'idle-check': '1s' };

async function busy(name: Name, lifetime: Record<string, string>) {
  const here = await supervised(lifetime, runner(name));
  await here.until('runner', () => here.read('seen').includes('start'));
  here.touch('queue');
  await here.until('job', () => here.read('seen').includes('job '));
  return here;
}

test('idle: the idle check ends the machine', async () => {
  await using here = await supervised({ 'idle-check': '300ms' }, runner('gitlab'));
  await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
  await here.until('nothing left', () => here.processes().length === 0);
  expect(here.read('seen')).not.toContain('cancelled');
});

describe.each(NAMES)('%s', (name) => {
  test('busy: drains, told once, and ends when the job does, which ends well', async () => {
    await using here = await busy(name, SOON);
    const status = await here.untilStatus('draining', ({ phase }) => phase === 'draining');
    expect(status.worker).toMatchObject({ mode: 'command', running: [{ id: expect.stringContaining('process') }] });
    const waits = name === 'github-actions'; // its signal would cancel the job
    await here.untilStatus('intake', ({ worker }) => worker.intake === (waits ? 'open' : 'paused'));
    const looks = () => here.read('out').match(/"event":"timer"/g)?.length ?? 0;
    const before = looks();
    await here.until('two more looks', () => looks() >= before + 2);
    expect([here.read('ordered'), here.read('seen').match(/drains|cancels/g)?.length ?? 0]).toEqual([
      '',
      waits || name === 'cirrus' ? 0 : 1,
    ]);
    here.touch('queue'); // more work waits, and is not taken
    here.touch('finish');
    await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
    const seen = here.read('seen');
    expect([seen.includes('finished'), seen.includes('cancelled')]).toEqual([true, false]);
    expect(seen.match(/took a job/g)).toHaveLength(1);
  });
});

test('hard cap: a job that never ends is ended with everything else', async () => {
  await using here = await busy('buildkite', { ...SOON, 'hard-cap': '500ms' });
  await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
  expect(here.read('seen')).not.toContain('finished');
  await here.until('nothing left', () => here.processes().length === 0);
});

test('A10 T03: a forged name keeps the machine up for the hard cap at most', async () => {
  const forged = 'exec -a /x/Runner.Worker sh -c "while :; do sleep 1; done" $0';
  await using here = await supervised({ 'idle-check': '300ms', 'hard-cap': '700ms' }, (folder) => ({
    command: ['/bin/bash', '-c', `(${forged}) & while :; do sleep 1; done`, folder],
    busy: { preset: 'github-actions' },
  }));
  await here.untilStatus('draining', ({ phase }) => phase === 'draining');
  await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
  await here.until('nothing left', () => here.processes().length === 0);
});

test('a worker that forks and exits is a death: what it left is ended, and the machine with it', async () => {
  await using here = await supervised({}, (folder) => ({
    command: ['/bin/sh', '-c', 'sh -c "while :; do sleep 1; done" $0 & sleep 0.7', folder],
  }));
  await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
  expect(here.read('out')).toContain('worker.busy names neither a preset nor processes');
  await here.until('nothing left', () => here.processes().length === 0);
});

test('a worker that ignores TERM is killed after its grace', async () => {
  await using here = await supervised({ 'idle-check': '300ms' }, (folder) => ({
    command: ['/bin/sh', '-c', 'trap "" TERM INT QUIT HUP; while :; do sleep 1; done', folder],
    busy: { processes: ['no-such-process'] },
  }));
  await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
  expect(here.processes()).toEqual([]);
});

test('a worker that writes without end: its log stays within its limit, the deadline in its time', async () => {
  await using here = await supervised({ 'idle-check': '1s' }, (folder) => ({
    command: ['/bin/sh', '-c', 'yes "a gigabyte a minute" & wait', folder],
    busy: { processes: ['no-such-process'] },
    'log-limit': '1 MB',
  }));
  await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
  const logs = readdirSync(`${here.path}/state`).filter((file) => file.startsWith('worker.log'));
  const bytes = logs.reduce((sum, file) => sum + statSync(`${here.path}/state/${file}`).size, 0);
  expect([logs.length, bytes <= 1_000_000, bytes > 500_000]).toEqual([10, true, true]);
});

test('a job that began after the last look is not cut by the idle check', async () => {
  await using here = await supervised({ 'idle-check': '2s' }, runner('gitlab'));
  await here.untilStatus('seen idle', ({ phase }) => phase === 'serving'); // the next look is a minute away
  here.touch('queue');
  const status = await here.untilStatus('draining', ({ phase }) => phase === 'draining');
  expect([status.reason, here.read('ordered')]).toEqual(['idle check came while 1 task was running', '']);
  here.touch('finish');
  await here.until('shutdown ordered', () => here.read('ordered') === 'off\n');
  expect(here.read('seen')).toContain('finished');
});

test('A16 A19: withdrawn, the listener goes and its agent stays; returned, a listener comes when the agent is done', async () => {
  await using service = await new FakeMetadata().start();
  const metadata = { source: 'ec2', endpoint: service.endpoint, 'ready-poll': '100ms' };
  await using here = await supervised({}, runner('cirrus'), metadata);
  await here.untilStatus('serving', ({ phase }) => phase === 'serving');
  here.touch('queue');
  await here.until('job', () => here.read('seen').includes('job '));
  service.instance.tags = { PWPoolReady: 'false' };
  const withdrawn = await here.untilStatus(
    'no listener',
    ({ phase, worker }) => phase === 'withdrawn' && worker.pid === null,
  );
  expect(withdrawn.worker).toMatchObject({ intake: 'paused', running: [{ id: expect.any(String) }] });
  service.instance.tags = { PWPoolReady: 'true' };
  await here.untilStatus('returned', ({ phase }) => phase === 'serving');
  expect(here.read('seen').match(/^start/gm)).toHaveLength(1);
  here.touch('finish');
  await here.untilStatus('a listener', ({ worker }) => worker.pid !== null && worker.intake === 'open');
  await here.until('the second start', () => here.read('seen').match(/^start/gm)?.length === 2);
  expect(here.read('seen')).not.toContain('cancelled');
  expect([here.read('out').includes('worker-death'), here.read('ordered')]).toEqual([false, '']);
});
