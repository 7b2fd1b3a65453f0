import { describe, expect, test } from 'bun:test';
import { type Actions, Supervisor } from '../../src/supervisor/supervisor.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { HOUR, MINUTE, NEW, POLICY } from './policy-support.ts';
import { recordingLog } from './recording-log.ts';

function stage(left = 0) {
  const clock = new FakeClock();
  const seen: string[] = [];
  const note = (what: string) => void seen.push(`${clock.continuousMs() / MINUTE} ${what}`);
  const world = { freeBytes: 2 ** 40, silentMs: 0, saves: 0, left, urgent: undefined as AbortSignal | undefined };
  const { log, lines } = recordingLog();
  const actions: Actions = {
    startWorker: () => note('start'),
    pauseWorker: () => note('pause'),
    resumeWorker: () => note('resume'),
    lookAtWorker: () => Array.from({ length: world.left }, (_, index) => ({ id: `${index}`, startedAt: '' })),
    refreshWorker: () => {},
    silentMs: () => world.silentMs,
    shutDown: (urgent) => {
      world.urgent = urgent;
      note(`shut down${urgent.aborted ? ' urgently' : ''}`);
    },
    freeBytes: () => world.freeBytes,
    saveJournal: () => {
      world.saves += 1;
    },
  };
  const supervisor = new Supervisor({ policy: POLICY, state: NEW, ageMs: clock.continuousMs, clock, log, actions });
  supervisor.start();
  return { clock, seen, world, lines, supervisor };
}

const one = [{ id: 't', startedAt: '2026-01-01T00:00:00Z' }];

describe('the runner', () => {
  test('a whole life: idle check on time, hurried by the hard cap', async () => {
    const { clock, seen, world, supervisor } = stage();
    supervisor.workerSays({ type: 'registered' });
    await clock.advance(24 * HOUR - 1);
    expect(seen).toEqual(['0 start']);
    await clock.advance(1);
    expect(seen.slice(1)).toEqual(['1440 pause', '1440 shut down']);
    await clock.advance(2 * HOUR);
    expect(world.urgent?.aborted).toBe(true);
  }, 20_000);

  test('draining looks at a dead worker at every poll', async () => {
    const { clock, seen, world, supervisor } = stage(1);
    supervisor.workerSays({ type: 'registered' });
    supervisor.dispatch({ tag: 'worker-exited', code: null, why: 'killed', left: one });
    await clock.advance(90_000);
    expect(supervisor.state.phase).toBe('draining');
    world.left = 0;
    await clock.advance(30_000);
    expect(seen.at(-1)).toBe('2 shut down');
  });

  test('a worker that hangs is seen within seconds', async () => {
    const { clock, world, supervisor } = stage();
    supervisor.workerSays({ type: 'registered' });
    world.silentMs = 10 * MINUTE;
    await clock.advance(10_000);
    expect(supervisor.state.ending?.rule).toBe('hung-worker');
  });

  test('the disk is measured every minute, the age kept as often', async () => {
    const { clock, world, supervisor, seen } = stage();
    supervisor.workerSays({ type: 'registered' });
    world.freeBytes = 0;
    const { saves } = world;
    await clock.advance(MINUTE + 10_000);
    expect([seen.at(-1), world.saves > saves]).toEqual(['1 shut down', true]);
  });

  test('what must survive is written at once, a report of tasks is not', () => {
    const { world, supervisor } = stage();
    const { saves } = world;
    supervisor.workerSays({ type: 'registered' });
    expect(world.saves).toBe(saves + 1);
    supervisor.workerSays({ type: 'state', intake: 'open', running: one });
    expect(world.saves).toBe(saves + 1);
  });

  test('one structured line for each decision, one for each trouble', () => {
    const { lines, supervisor } = stage();
    supervisor.workerSays({ type: 'registered' });
    for (const message of ['the hub refused the token', 'the hub refused the token', null]) {
      supervisor.workerSays({ type: 'trouble', message });
    }
    expect(lines.map(({ message, fields }) => [message, fields.rule ?? fields.reason])).toEqual([
      ['decision', 'start'],
      ['decision', 'serving'],
      ['the worker cannot serve at present', 'the hub refused the token'],
      ['the worker can serve again', undefined],
    ]);
    expect(lines[1]?.fields).toMatchObject({ from: 'starting', to: 'serving', event: 'worker-registered', ageMs: 0 });
  });

  test('a life that turned out to be older acts at once; before the start it only begins with it', async () => {
    const { clock, seen, supervisor } = stage();
    supervisor.workerSays({ type: 'registered' });
    supervisor.rebase({ ...supervisor.state, servedAgeMs: -HOUR }, { idleAfterMs: HOUR });
    expect(seen.slice(1)).toEqual(['0 pause', '0 shut down']);
    await clock.advance(1);
    expect(seen.filter((what) => what.includes('shut down'))).toHaveLength(1);
  });

  test('stopped, it decides nothing and waits for nothing', async () => {
    const { clock, seen, supervisor } = stage();
    supervisor.stop();
    await clock.advance(72 * HOUR);
    supervisor.workerSays({ type: 'registered' });
    expect([seen, clock.pending]).toEqual([['0 start'], 0]);
  });
});
