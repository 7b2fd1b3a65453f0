import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { findProcess } from '../../src/platform/process-table.ts';
import { type Site, site } from './site.ts';

setDefaultTimeout(30_000); // bounds for a machine under load; each takes a second at most

const serving = ({ untilStatus }: Site) => untilStatus('serving', ({ phase }) => phase === 'serving');

const DAY = 'max: 48h, idle-check: 24h, hard-cap: 2h';

describe('real processes', () => {
  test('the worker gets its setup and nothing of our environment; killed, it takes the machine down', async () => {
    await using here = site(DAY);
    await here.start();
    const { worker } = await serving(here);
    const [start = ''] = here.seen('seen').split('\n');
    expect(start).toBe(`start ${worker.pid} ${here.path} 77 FAKE_WORKER_DIR,HOME,LANG,LOGNAME,PATH,SHELL,TMPDIR,USER`);
    const setup = JSON.parse(/message (.*)/.exec(here.seen('seen'))?.[1] ?? '');
    expect(setup).toMatchObject({ type: 'setup', name: 'Test-1', token: null, passEnvironment: ['FAKE_WORKER_DIR'] });
    process.kill(worker.pid ?? 0, 'SIGKILL');
    await here.until('shutdown ordered', () => here.seen('ordered') === 'off\n');
    expect((await here.status())?.reason).toContain('was killed by SIGKILL');
    expect(here.seen('seen').match(/^start/gm)).toHaveLength(1);
  });

  test('idle check: ends the worker, orders the shutdown', async () => {
    await using here = site('max: 48h, idle-check: 300ms, hard-cap: 2h');
    await here.start();
    await here.until('shutdown ordered', () => here.seen('ordered') === 'off\n');
    expect(here.seen('seen')).toContain('term');
    const status = await here.untilStatus('halted', ({ phase }) => phase === 'halted');
    expect(status.shutdown).toEqual({ attempts: 1, lastStep: 'command', lastError: null });
  });

  test('drain: waits for the task, then ends', async () => {
    await using here = site('max: 48h, idle-check: 1s, hard-cap: 2h');
    writeFileSync(`${here.path}/running`, 'task-7\n');
    await here.start();
    const status = await here.untilStatus('draining', ({ phase }) => phase === 'draining');
    expect(status.worker.running.map(({ id }) => id)).toEqual(['task-7']);
    expect(here.seen('ordered')).toBe('');
    writeFileSync(`${here.path}/running`, '');
    await here.until('shutdown ordered', () => here.seen('ordered') === 'off\n');
  });

  test('hard cap: a task that never ends, in a worker that does not listen', async () => {
    await using here = site('max: 48h, idle-check: 300ms, hard-cap: 300ms');
    const config = readFileSync(`${here.path}/p.yml`, 'utf8');
    writeFileSync(
      `${here.path}/p.yml`,
      config.replace('FAKE_WORKER_DIR:', 'FAKE_WORKER_MODE: stubborn, FAKE_WORKER_DIR:'),
    );
    writeFileSync(`${here.path}/running`, 'task-7\n');
    await here.start();
    await here.until('shutdown ordered', () => here.seen('ordered') === 'off\n');
    const pid = Number(/^start (\d+)/.exec(here.seen('seen'))?.[1]);
    expect(findProcess(pid)).toBeUndefined();
  });

  test('SIGTERM ends the worker and not the machine; the next start goes on with the same deadlines', async () => {
    await using here = site(DAY);
    const first = await here.start();
    const before = await serving(here);
    first.signal('SIGTERM');
    expect(await first.exited).toEqual({ code: 0, signal: null });
    expect(here.seen('seen')).toContain('term');
    expect([here.seen('ordered'), existsSync(`${here.path}/s.sock`)]).toEqual(['', false]);
    await here.start();
    const after = await serving(here);
    for (const [index, { rule, dueAt }] of before.deadlines.entries()) {
      expect(after.deadlines[index]?.rule).toBe(rule);
      expect(Math.abs(Date.parse(after.deadlines[index]?.dueAt ?? '') - Date.parse(dueAt))).toBeLessThan(1_000);
    }
  });

  test('kill -9: the next one ends what was left, keeps the deadlines, and has one worker', async () => {
    await using here = site(DAY);
    const first = await here.start();
    const before = await serving(here);
    await here.until('worker in the journal', () =>
      here.seen('state/journal.json').includes(`"pid":${before.worker.pid}`),
    );
    process.kill(before.worker.pid ?? 0, 'SIGSTOP'); // cannot see that its supervisor is gone
    first.signal('SIGKILL');
    await first.exited;
    await here.start();
    const after = await serving(here);
    expect(findProcess(before.worker.pid ?? 0)).toBeUndefined();
    expect(after.worker.pid).not.toBe(before.worker.pid);
    expect(Math.abs(Date.parse(after.launchedAt) - Date.parse(before.launchedAt))).toBeLessThan(1_000);
    expect(here.seen('ordered')).toBe('');
  });

  test('a worker that cannot work with its configuration: no worker, the sentence why, no shutdown yet', async () => {
    await using here = site(DAY);
    const config = readFileSync(`${here.path}/p.yml`, 'utf8');
    writeFileSync(
      `${here.path}/p.yml`,
      config.replace('FAKE_WORKER_DIR:', 'FAKE_WORKER_MODE: unusable, FAKE_WORKER_DIR:'),
    );
    await here.start();
    const status = await here.untilStatus('known', ({ reason }) => reason.includes('token is missing'));
    expect([status.phase, status.worker.pid]).toEqual(['starting', null]);
    expect(status.deadlines.map(({ rule }) => rule)).toEqual(['lifetime', 'hard-cap']);
    expect(here.seen('ordered')).toBe('');
  });

  test('A45 a second supervisor leaves and names the first', async () => {
    await using here = site(DAY);
    const first = await here.start();
    await serving(here);
    const second = await here.start();
    expect((await second.exited).code).toBe(1);
    expect(here.seen('out')).toContain(`a supervisor with pid ${first.pid} runs already`);
    expect((await here.status())?.phase).toBe('serving');
  });

  test('--dry-run: the worker runs, the shutdown is told and not ordered, the worker lives on', async () => {
    await using here = site('max: 48h, idle-check: 300ms, hard-cap: 2h');
    await here.start('--dry-run');
    const status = await here.untilStatus('halted', ({ phase }) => phase === 'halted');
    expect(here.seen('out')).toContain('dry run: the shutdown command would run');
    expect([here.seen('ordered'), status.worker.pid === null]).toEqual(['', false]);
    expect(existsSync(`${here.path}/state/journal.json`)).toBe(false);
  });

  test('a state folder that cannot be made: a warning, and everything else works', async () => {
    await using here = site('max: 48h, idle-check: 300ms, hard-cap: 2h');
    writeFileSync(`${here.path}/state`, 'a file in the way');
    await here.start();
    await here.until('shutdown ordered', () => here.seen('ordered') === 'off\n');
    expect(here.seen('out')).toContain('the journal cannot be written');
  });
});
