import { describe, expect, test } from 'bun:test';
import { AppError, describeError } from '../../src/lib/errors.ts';
import { grantArmed } from '../../src/platform/armed.ts';
import { type Child, spawn } from '../../src/platform/processes.ts';
import { programRunner } from '../../src/platform/run-program.ts';
import { type LadderDeps, shutDownMachine } from '../../src/supervisor/ladder.ts';
import { type ArmedEffects, forceCommand, ladderOf, makeRungs, type RungName } from '../../src/supervisor/rungs.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLog } from './recording-log.ts';

const ALL: readonly RungName[] = ['command', 'force', 'terminate', 'syscall'];
const STEP_MS = 120_000;

/** What each rung does: an answer, a hang that ignores its signal, or a throw. */
type Behaviour = string | null | 'hangs' | 'throws';

/** An armed ladder whose every effect is a note; nothing of it can reach a machine. */
function stage(behaviour: Partial<Record<RungName, Behaviour>>, more: Partial<LadderDeps> = {}) {
  const clock = new FakeClock();
  const seen: string[] = [];
  const [stop, urgent] = [new AbortController(), new AbortController()];
  const note = (what: string) => void seen.push(`${clock.monoMs() / 1_000} ${what}`);
  const answer = (rung: RungName): Promise<string | null> => {
    const what = behaviour[rung] ?? null;
    if (what === 'hangs') return new Promise(() => {});
    return what === 'throws' ? Promise.reject(new Error('lost')) : Promise.resolve(what);
  };
  const run = async ([program = '']: readonly string[]) => {
    if (program === '/hook') return new Promise<null>(() => {});
    note(`run ${program}`);
    return answer(program === '/off' ? 'command' : 'force');
  };
  const effects: ArmedEffects = {
    permit: grantArmed('i-0123456789abcdef0'),
    platform: 'linux',
    terminate: () => {
      note('terminate');
      return answer('terminate');
    },
    powerOff: () => {
      note('syscall');
      const what = behaviour.syscall ?? null;
      if (what === 'throws') throw new Error('lost');
      return what;
    },
  };
  const deps: LadderDeps = {
    settings: { command: ['/off'], stepTimeoutMs: STEP_MS, before: [], beforeTimeoutMs: 60_000 },
    clock,
    log: recordingLog().log,
    run,
    rungs: makeRungs(ALL, ['/off'], run, effects),
    endWorker: async () => note('end worker'),
    report: (step, outcome, error) => note(`${step} ${outcome}${error === null ? '' : `: ${error}`}`),
    persist: async () => {},
    ...more,
  };
  const done = shutDownMachine(deps, urgent.signal, stop.signal).catch(() => note('left'));
  const issued = () => seen.filter((line) => line.endsWith('issued'));
  return { clock, seen, issued, stop, urgent, done };
}

describe('the armed ladder', () => {
  test('A38 accepted without effect: rung after rung, each after step-timeout, then from the top', async () => {
    const { clock, issued, stop, done } = stage({});
    await clock.advance(720_000);
    expect(issued()).toEqual([
      '0 command issued',
      '120 command issued',
      '240 force issued',
      '360 terminate issued',
      '480 syscall issued',
      '600 command issued',
      '720 command issued',
    ]);
    stop.abort();
    await done;
  });

  test('A36 every rung fails: each comes within seconds, and the rounds go on for ever at most a minute apart', async () => {
    const { clock, seen, issued, stop, done } = stage({
      command: 'exit 1',
      force: 'exit 1',
      terminate: 'no network',
      syscall: 'EPERM',
    });
    await clock.advance(10_000);
    expect(issued().slice(0, 5)).toEqual([
      '0 command issued',
      '1 command issued',
      '2 force issued',
      '3 terminate issued',
      '4 syscall issued',
    ]);
    expect(seen).toContain('3 terminate failed: no network');
    await clock.advance(86_400_000);
    const at = issued().map((line) => Number.parseFloat(line));
    const gaps = at.slice(1).map((second, index) => second - (at[index] ?? 0));
    expect(Math.max(...gaps)).toBe(60);
    expect(at.length).toBeGreaterThan(1_400);
    stop.abort();
    await done;
  });

  test('A37 rungs that hang and ignore their bound are left behind after step-timeout', async () => {
    const { clock, issued, seen, stop, done } = stage({ command: 'hangs', force: 'hangs', terminate: 'hangs' });
    await clock.advance(490_000);
    expect(issued().map((line) => line.split(' ')[1])).toEqual(['command', 'command', 'force', 'terminate', 'syscall']);
    expect(issued().at(-1)).toBe('486 syscall issued');
    expect(seen).toContain('120.5 command failed: command did not answer in time');
    stop.abort();
    await done;
  });

  test('a rung that throws has failed, and the next one comes', async () => {
    const { clock, issued, seen, stop, done } = stage({
      command: 'throws',
      force: 'throws',
      terminate: 'throws',
      syscall: 'throws',
    });
    await clock.advance(5_500);
    expect(issued()).toHaveLength(6);
    expect(seen).toContain('4 syscall failed: lost');
    stop.abort();
    await done;
  });

  test('A40 urgent: hook, notice, worker and journal all hang, and the first rung still comes within 10 s', async () => {
    const hang = () => new Promise<never>(() => {});
    const settings = { command: ['/off'], stepTimeoutMs: STEP_MS, before: [['/hook']], beforeTimeoutMs: 60_000 };
    const { clock, seen, urgent, stop, done } = stage({}, { settings, notify: hang, endWorker: hang, persist: hang });
    urgent.abort();
    await clock.advance(10_000);
    expect(seen).toContain('9 run /off');
    stop.abort();
    await done;
  });

  test('T14 in good order, too, nothing that hangs keeps the ladder from its first rung', async () => {
    const hang = () => new Promise<never>(() => {});
    const settings = {
      command: ['/off'],
      stepTimeoutMs: STEP_MS,
      before: [['/hook']],
      beforeTimeoutMs: 60_000,
      endWorkerMs: 40_000,
    };
    const { clock, seen, stop, done } = stage({}, { settings, notify: hang, endWorker: hang, persist: hang });
    await clock.advance(60_500 + 2_000 + 40_000 + 1_000);
    expect(seen).toContain('103.5 run /off');
    stop.abort();
    await done;
  });

  test('A43 A44 a worker that cannot be ended, a journal on a full disk: a warning, and on it goes', async () => {
    const endWorker = () => Promise.reject(new Error('EAGAIN: no process'));
    const persist = () => Promise.reject(new Error('ENOSPC'));
    const { log, lines } = recordingLog();
    const { clock, seen, stop, done } = stage(
      { command: 'EAGAIN', force: 'EAGAIN', terminate: 'no network' },
      { endWorker, persist, log },
    );
    await clock.advance(5_000);
    expect(seen).toContain('4 syscall');
    expect(lines.map(({ message }) => message)).toContain('the worker could not be ended');
    stop.abort();
    await done;
  });

  test('the users are told after the hooks and before the worker ends', async () => {
    const seen: string[] = [];
    const note = (what: string) => async () => {
      seen.push(what);
      return null;
    };
    const { clock, stop, done } = stage(
      {},
      {
        notify: note('notice'),
        endWorker: async () => void seen.push('worker'),
        persist: async () => void seen.push('journal'),
      },
    );
    await clock.advance(1_000);
    expect(seen).toEqual(['notice', 'worker', 'journal']);
    stop.abort();
    await done;
  });
});

describe('which rungs there are', () => {
  test.each([
    [undefined, true, ALL, []],
    [undefined, false, ['command'], []],
    [['force', 'syscall'], true, ['force', 'syscall'], []],
    [['command', 'force', 'terminate', 'syscall'], false, ['command'], ['force', 'terminate', 'syscall']],
    [['syscall'], false, [], ['syscall']],
  ] as const)('%j, armed %p', (configured, armed, names, dropped) => {
    expect(ladderOf(configured, armed)).toEqual({ names: [...names], dropped: [...dropped] });
  });

  test('not armed, the names of the others make no rung', () => {
    const none = async () => null;
    expect(makeRungs(ALL, ['/off'], none, undefined).map(({ name }) => name)).toEqual(['command', 'command']);
  });

  test('a look-alike of the permit makes no rung at all', () => {
    const refused = () => {
      const permit = { instanceId: 'i-0123456789abcdef0' };
      const never = () => {
        throw new Error('must not be called');
      };
      makeRungs(ALL, ['/off'], never, { permit, platform: 'linux', terminate: never, powerOff: never });
    };
    expect(refused).toThrow('not armed');
  });

  test.each([
    ['darwin', '/sbin/halt -q'],
    ['linux', '/bin/systemctl poweroff --force'],
  ])('force on %s', (platform, line) => expect(forceCommand(platform).join(' ')).toBe(line));
});

describe('programs of the ladder', () => {
  const never = new AbortController().signal;
  const scarce = () => {
    const cause = Object.assign(new Error('spawn'), { code: 'EAGAIN' });
    return new AppError('CONFIG', '/off could not be started (EAGAIN)', { cause });
  };

  test('A43 a full process table is tried again, and given up after two seconds', async () => {
    const clock = new FakeClock();
    let tries = 0;
    const run = programRunner(clock, () => {
      tries += 1;
      return Promise.reject(scarce());
    });
    const result = run(['/off'], STEP_MS, never);
    await clock.advance(2_000);
    expect([await result, tries]).toEqual(['/off could not be started (EAGAIN)', 10]);
  });

  test('A43 a slot that comes free is used', async () => {
    const clock = new FakeClock();
    let tries = 0;
    const child = { exited: Promise.resolve({ code: 0, signal: null }) } as Child;
    const run = programRunner(clock, () => {
      tries += 1;
      return tries < 4 ? Promise.reject(scarce()) : Promise.resolve(child);
    });
    const result = run(['/off'], STEP_MS, never);
    await clock.advance(600);
    expect(await result).toBeNull();
  });

  test('A37 real: a command that hangs is killed with what it started', async () => {
    const clock = new FakeClock();
    const started: Child[] = [];
    const run = programRunner(clock, async (argv) => {
      const child = await spawn({ argv, env: { PATH: '/usr/bin:/bin' } });
      started.push(child);
      return child;
    });
    const result = run(['/bin/sh', '-c', 'sleep 600 & sleep 600'], 5_000, never);
    await clock.advance(0);
    expect(started).toHaveLength(1);
    await clock.advance(5_000);
    expect(await result).toBe('/bin/sh did not end in time and was killed');
    expect(await started[0]?.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('real: a command that has disappeared says so', async () => {
    const told = await programRunner(new FakeClock())(['/does/not/exist'], 1_000, never);
    expect(told).toBe(
      describeError(
        new AppError('CONFIG', 'program /does/not/exist was not found', { hint: 'install it or correct the path' }),
      ),
    );
  });
});
