import { describe, expect, test } from 'bun:test';
import { type LadderDeps, shutDownMachine, tellShutDown } from '../../src/supervisor/ladder.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLog } from './recording-log.ts';

interface Scene {
  /** How long the hook and the end of the worker take; the command's result per attempt. */
  readonly hookMs?: number;
  readonly workerMs?: number;
  readonly results?: readonly (string | null)[];
  readonly journalHangs?: boolean;
}

function stage({ hookMs = 0, workerMs = 0, results = [null], journalHangs = false }: Scene) {
  const clock = new FakeClock();
  const seen: string[] = [];
  const stop = new AbortController();
  const urgent = new AbortController();
  const note = (what: string) => void seen.push(`${clock.monoMs()} ${what}`);
  let attempt = 0;
  const deps: LadderDeps = {
    settings: { command: ['/off'], stepTimeoutMs: 120_000, before: [['/hook']], beforeTimeoutMs: 60_000 },
    clock,
    log: recordingLog().log,
    run: async ([program = ''], timeoutMs, signal) => {
      note(program);
      if (program === '/hook') await clock.sleep(Math.min(hookMs, timeoutMs), signal).catch(() => {});
      return program === '/hook' ? null : (results[Math.min(attempt++, results.length - 1)] ?? null);
    },
    endWorker: async () => {
      note('end worker');
      await clock.sleep(workerMs, stop.signal);
    },
    report: (_step, outcome, error) => note(`${outcome}${error === null ? '' : ` ${error}`}`),
    persist: () => (journalHangs ? new Promise(() => {}) : Promise.resolve()),
  };
  const done = shutDownMachine(deps, urgent.signal, stop.signal).catch(() => note('left'));
  return { clock, seen, stop, urgent, done };
}

describe('the ladder', () => {
  test('in good order: hook, worker, then the command', async () => {
    const { clock, seen, stop, done } = stage({ hookMs: 20_000, workerMs: 30_000 });
    await clock.advance(60_000);
    expect(seen).toEqual(['0 /hook', '20000 end worker', '50000 issued', '50000 /off', '50000 accepted']);
    stop.abort();
    await done;
  });

  test('A38 round and round: issued again when the machine is still up', async () => {
    const { clock, seen, stop, done } = stage({});
    await clock.advance(600_000);
    const issued = seen.filter((line) => line.endsWith('issued')).map((line) => Number.parseInt(line, 10));
    expect(issued).toEqual([0, 120_000, 240_000, 360_000, 480_000, 600_000]);
    expect(seen).toContain('120000 no-effect the machine is still up');
    stop.abort();
    await done;
  });

  test('A36 a command that fails is tried again within a minute, for ever', async () => {
    const { clock, seen, stop, done } = stage({ results: ['ended with code 1'] });
    await clock.advance(3_600_000);
    const issued = seen.filter((line) => line.endsWith('issued')).map((line) => Number.parseInt(line, 10));
    const gaps = issued.slice(1).map((at, index) => at - (issued[index] ?? 0));
    expect(Math.max(...gaps)).toBe(60_000);
    expect(issued.length).toBeGreaterThan(60);
    stop.abort();
    await done;
  });

  test('A40 urgent: hook and worker side by side, the first rung within 10 s whatever they do', async () => {
    const { clock, seen, stop, urgent, done } = stage({ hookMs: 60_000, workerMs: 60_000, journalHangs: true });
    urgent.abort();
    await clock.advance(10_000);
    expect(seen).toEqual(['0 /hook', '0 end worker', '8000 issued', '9000 /off', '9000 accepted']);
    stop.abort();
    await done;
  });

  test('told to hurry on the way: within 10 s from then', async () => {
    const { clock, seen, stop, urgent, done } = stage({ hookMs: 60_000, workerMs: 60_000 });
    await clock.advance(30_000);
    urgent.abort();
    await clock.advance(10_000);
    expect(seen).toContain('38000 /off');
    stop.abort();
    await done;
  });

  test('a supervisor that leaves issues nothing more', async () => {
    const { clock, seen, stop, done } = stage({ hookMs: 20_000 });
    await clock.advance(1_000);
    stop.abort();
    await done;
    await clock.advance(600_000);
    expect(seen.filter((line) => line.includes('issued') || line.includes('/off'))).toEqual([]);
  });

  test('a dry run tells each step and touches nothing', () => {
    const { log, lines } = recordingLog();
    const reports: string[] = [];
    const settings = { command: ['/off'], stepTimeoutMs: 1, before: [['/hook']], beforeTimeoutMs: 1 };
    tellShutDown({ settings, log, report: (step, outcome) => void reports.push(`${step} ${outcome}`) });
    expect(lines.map(({ fields }) => fields.argv)).toEqual([['/hook'], undefined, ['/off']]);
    expect(reports).toEqual(['command (dry run) accepted']);
  });
});
