import type { Logger } from '../src/lib/log.ts';
import { NEW_STATE } from '../src/supervisor/new-state.ts';
import type { Policy } from '../src/supervisor/policy-types.ts';
import { Supervisor } from '../src/supervisor/supervisor.ts';
import { freeBytesAt } from '../src/supervisor/surroundings.ts';
import { FakeClock } from '../test/support/fake-clock.ts';
import { type Outcome, rowOf } from './report.ts';
import { slopeOf } from './statistics.ts';

const TICKS = 10_000;
const WARM_UP = 2_000;
const ROUNDS = 5;
const YEAR_MS = 365 * 24 * 3_600_000;

/** Limits so far away that none comes in the measured time; the rest as in the defaults. */
const POLICY: Policy = {
  lifetimeMs: 100 * YEAR_MS,
  idleAfterMs: 50 * YEAR_MS,
  hardCapMs: 7_200_000,
  drainPollMs: 60_000,
  onExit: 'shutdown',
  restartLimit: 3,
  restartWindowMs: 3_600_000,
  staleAfterMs: 600_000,
  minFreeBytes: 0,
  maxTasks: 0,
  onDirty: 'report',
  readyPollMs: 10_000,
  lostAfterMs: 30_000,
  noticeMarginMs: 300_000,
  servesWhenReady: false,
};

function quietLog(): Logger {
  const silent = () => {};
  const log: Logger = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
  return log;
}

/** A supervisor of a serving worker on a clock of our own; `tick` moves it to its next timer. */
function drive() {
  const clock = new FakeClock();
  const count = { ticks: 0 };
  const nothing = () => {};
  const supervisor = new Supervisor({
    policy: POLICY,
    state: NEW_STATE,
    ageMs: clock.continuousMs,
    clock,
    log: quietLog(),
    actions: {
      startWorker: nothing,
      pauseWorker: nothing,
      resumeWorker: nothing,
      lookAtWorker: () => [],
      refreshWorker: nothing,
      silentMs: () => {
        count.ticks += 1;
        return 0;
      },
      shutDown: nothing,
      freeBytes: () => freeBytesAt('/'),
      saveJournal: nothing,
    },
  });
  supervisor.start();
  supervisor.workerSays({ type: 'registered' });
  const tick = async (times: number) => {
    const end = count.ticks + times;
    while (count.ticks < end) await clock.advance(600_000);
  };
  return { tick, count, supervisor };
}

function heapKiB(): number {
  for (let round = 0; round < 3; round += 1) Bun.gc(true);
  return process.memoryUsage().heapUsed / 1_024;
}

export async function supervisorTicks(_folder: string, signal: AbortSignal): Promise<Outcome> {
  const { tick, count, supervisor } = drive();
  await tick(WARM_UP);
  const marks: (readonly [tenThousands: number, kiB: number])[] = [[count.ticks / TICKS, heapKiB()]];
  for (let round = 0; round < ROUNDS; round += 1) {
    signal.throwIfAborted();
    await tick(TICKS);
    marks.push([count.ticks / TICKS, heapKiB()]);
  }
  const growth = marks.slice(1).map(([, kiB], round) => kiB - (marks[round]?.[1] ?? kiB));
  return {
    name: 'supervisor-ticks',
    title: 'Memory of the decisions',
    method: `the supervisor's own class with a serving worker on a clock of virtual time, not compiled: ${WARM_UP} timer events that do not count, then ${ROUNDS} times ${TICKS} (a day and four hours each), the heap in use after three full collections before and after each. The phase at the end was "${supervisor.state.phase}".`,
    bounds: 'what the collector and the compiler of the runtime keep for themselves.',
    rows: [
      rowOf(`growth of the heap over ${TICKS} ticks, first round`, 'KiB', growth.slice(0, 1), { spread: null }),
      rowOf(`growth of the heap over ${TICKS} ticks, all rounds`, 'KiB', growth),
      rowOf(`least-squares growth for ${TICKS} ticks`, 'KiB', growth, { value: slopeOf(marks), spread: null }),
    ],
  };
}
