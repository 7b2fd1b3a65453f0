import { describe, expect, test } from 'bun:test';
import type { ProcessInfo } from '../../src/platform/process-table.ts';
import { endFamily, endUser, familyOf, withFamily } from '../../src/supervisor/process-family.ts';
import { FakeClock } from '../support/fake-clock.ts';

const info = (pid: number, ppid: number, pgid: number, started = `s${pid}`): ProcessInfo => ({
  pid,
  ppid,
  pgid,
  started,
  uid: 1_000,
  command: '',
});

/** 10 is a worker with the agent 20 (own group) and its script 21; 30 was left to init in the worker's group. */
const TABLE = [
  info(1, 0, 1),
  info(5, 1, 5),
  info(10, 5, 10),
  info(20, 10, 20),
  info(21, 20, 20),
  info(30, 1, 10),
  info(40, 1, 40),
];
const WORKER = [{ pid: 10, started: 's10' }];
const pids = (infos: readonly ProcessInfo[]) => infos.map(({ pid }) => pid).sort((a, b) => a - b);

describe('familyOf', () => {
  test('the marked, their descendants and their groups, nobody else', () => {
    expect(pids(familyOf(TABLE, WORKER, 5))).toEqual([10, 20, 21, 30]);
  });

  test('an id that another process has now is nobody', () => {
    expect(familyOf(TABLE, [{ pid: 10, started: 'before' }], 5)).toEqual([]);
  });

  test('never the supervisor or init', () => {
    expect(pids(familyOf(TABLE, [{ pid: 1, started: 's1' }], 5))).toEqual([10, 20, 21, 30, 40]);
  });

  test('of a leader that just died, the group and the marked orphans', () => {
    const without = TABLE.filter(({ pid }) => pid !== 10).map((one) => (one.ppid === 10 ? { ...one, ppid: 1 } : one));
    const marks = [...WORKER, { pid: 20, started: 's20' }];
    expect(pids(familyOf(without, marks, 5, 10))).toEqual([20, 21, 30]);
  });
});

test('withFamily adds each process once', () => {
  const marks = withFamily(WORKER, familyOf(TABLE, WORKER, 5));
  expect(marks.map(({ pid }) => pid)).toEqual([10, 20, 21, 30]);
  expect(withFamily(marks, familyOf(TABLE, WORKER, 5))).toEqual(marks);
});

/** Processes that die of some signals; `signal` keeps what was sent. */
function machine(diesOf: (pid: number, name: string) => boolean) {
  let table = TABLE;
  const sent: string[] = [];
  const signal = (target: number, name: NodeJS.Signals) => {
    sent.push(`${name} ${target}`);
    table = table
      .filter(({ pid, pgid }) => !((target < 0 ? pgid === -target : pid === target) && diesOf(pid, name)))
      .map((one) => (table.some(({ pid }) => pid === one.ppid) ? one : { ...one, ppid: 1 }));
  };
  return { port: { ownPid: 5, list: () => table, signal }, sent, alive: () => pids(table) };
}

const never = new AbortController().signal;
const options = { graceMs: 30_000, urgent: never, urgentGraceMs: 5_000 };

describe('endFamily', () => {
  test('a worker that listens is asked once and the rest gets no signal', async () => {
    const clock = new FakeClock();
    const { port, sent } = machine((pid) => [10, 20, 21, 30].includes(pid));
    const [all] = [
      {
        ...port,
        signal: (pid: number, name: NodeJS.Signals) => {
          port.signal(pid, name);
          port.signal(-20, name); // the worker ends its own tasks
          sent.splice(1);
        },
      },
    ];
    await endFamily(WORKER, all, options, clock, never);
    expect(sent).toEqual(['SIGTERM -10']);
  });

  test('after the grace everything is killed, orphans of the worker included', async () => {
    const clock = new FakeClock();
    const { port, sent, alive } = machine((pid, name) => name === 'SIGKILL' || pid === 10);
    const done = endFamily(WORKER, port, options, clock, never);
    await clock.advance(29_000);
    expect(sent).toEqual(['SIGTERM -10']);
    await clock.advance(2_000);
    await done;
    expect(alive()).toEqual([1, 5, 40]);
    expect(sent).not.toContain('SIGKILL 40');
  });

  test('urgent: the grace is cut', async () => {
    const clock = new FakeClock();
    const { port, alive } = machine((_pid, name) => name === 'SIGKILL');
    const urgent = new AbortController();
    const done = endFamily(WORKER, port, { ...options, urgent: urgent.signal }, clock, never);
    await clock.advance(1_000);
    urgent.abort();
    await clock.advance(5_500);
    expect(alive()).toEqual([1, 5, 40]);
    await done;
  });

  test('what cannot be killed is not waited for', async () => {
    const clock = new FakeClock();
    const { port } = machine(() => false);
    const done = endFamily(WORKER, port, { ...options, graceMs: 0 }, clock, never);
    await clock.advance(3_000);
    await done;
  });
});

describe('endUser', () => {
  /** A bomb of `slots` places: each process that runs forks into every free place at each look. */
  function bomb(slots: number) {
    let next = 100;
    let looks = 0;
    const alive = new Map<number, 'runs' | 'stopped'>([[100, 'runs']]);
    const fork = () => {
      const running = [...alive.values()].filter((state) => state === 'runs').length;
      for (let born = 0; born < running && alive.size < slots; born += 1) {
        next += 1;
        alive.set(next, 'runs');
      }
    };
    const list = () => {
      looks += 1;
      fork();
      const other = { ...info(7, 1, 7), uid: 0 };
      return [
        other,
        { ...info(5, 1, 5), uid: 42 },
        ...[...alive.keys()].map((pid) => ({ ...info(pid, 1, pid), uid: 42 })),
      ];
    };
    const signal = (pid: number, name: NodeJS.Signals) => {
      if (pid < 100) throw new Error(`${name} to ${pid}`);
      if (name === 'SIGSTOP') alive.set(pid, 'stopped');
      else alive.delete(pid);
      fork(); // a place that comes free is taken at once by whoever still runs
    };
    return { port: { ownPid: 5, list, signal }, alive, looks: () => looks };
  }

  test('T06 a fork bomb at its limit is frozen, then killed, in few looks; nobody else is touched', () => {
    const { port, alive, looks } = bomb(200);
    expect([endUser(42, port), alive.size]).toEqual([true, 0]);
    expect(looks()).toBeLessThan(20);
  });

  test('what cannot be killed is not waited for', () => {
    const port = { ownPid: 5, list: () => [{ ...info(100, 1, 100), uid: 42 }], signal: () => {} };
    expect(endUser(42, port)).toBe(false);
  });
});
