import { afterEach, beforeEach, expect, test } from 'bun:test';
import type { AuditLog } from '../../../src/hub/audit/audit.ts';
import type { StartOutcome } from '../../../src/hub/build-starter.ts';
import { Crons } from '../../../src/hub/crons/crons.ts';
import { Database } from '../../../src/hub/store/database.ts';
import { AppError } from '../../../src/lib/errors.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { MemoryHub } from '../../support/memory-hub.ts';
import { quietLogger } from '../../support/quiet-logger.ts';

const ALL = { limit: 10, after: undefined };
const MINUTE_MS = 60_000;
const opened: { store?: Database } = {};
const nightly = { name: 'nightly', repository: 'https://h/o/r', branch: 'main', expression: '0 2 * * *' };

beforeEach(async () => {
  opened.store = await Database.open(':memory:');
});

afterEach(() => opened.store?.close());

function make(clock: FakeClock, start?: () => Promise<StartOutcome>) {
  const fired: string[] = [];
  const audited: string[] = [];
  const audit: AuditLog = {
    record: async ({ name }, action) => void audited.push(`${name} ${action}`),
    list: async () => ({ items: [], next: null }),
  };
  const build = new MemoryHub().put({ id: '42' });
  const { store } = opened;
  if (store === undefined) throw new Error('not open');
  const crons = new Crons({
    ...{ store, clock, audit, log: quietLogger().log },
    checkRepository: (url) => url,
    start: async ({ name, branch }) => {
      fired.push(`${name} ${branch} ${new Date(clock.wallMs()).toISOString()}`);
      return start === undefined ? { kind: 'started', build, warnings: [] } : start();
    },
  });
  return { crons, fired, audited };
}

test('fires at its time, and again the next day; what it started is told', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1, 1, 59));
  const { crons, fired, audited } = make(clock);
  await crons.create(nightly, 'me');
  const stop = new AbortController();
  const running = crons.run(stop.signal);
  await clock.advance(2 * MINUTE_MS);
  expect(fired).toEqual(['nightly main 2026-01-01T02:00:00.000Z']);
  await clock.advance(24 * 60 * MINUTE_MS);
  expect(fired).toHaveLength(2);
  const { items } = await crons.list(ALL);
  expect(items).toMatchObject([{ lastBuild: '42', lastProblem: null, nextAt: '2026-01-03T02:00:00.000Z' }]);
  expect(audited).toEqual(['cron nightly createBuild', 'cron nightly createBuild']);
  stop.abort();
  await running;
  expect(clock.pending).toBe(0);
});

test('after a time in which no hub ran, it fires once, however often it was missed', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const { crons, fired } = make(clock);
  await crons.create(nightly, 'me');
  clock.stepWall(5 * 24 * 60 * MINUTE_MS);
  const later = make(clock);
  await later.crons.fireDue(new AbortController().signal);
  await later.crons.fireDue(new AbortController().signal);
  expect([fired, later.fired]).toEqual([[], ['nightly main 2026-01-06T00:00:00.000Z']]);
});

test('several hubs on one database: one of them fires', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const hubs = [make(clock), make(clock), make(clock)];
  await hubs[0]?.crons.create(nightly, 'me');
  clock.stepWall(3 * 60 * MINUTE_MS);
  await Promise.all(hubs.map(({ crons }) => crons.fireDue(new AbortController().signal)));
  expect(hubs.flatMap(({ fired }) => fired)).toHaveLength(1);
});

test('a clock that is set back fires nothing twice', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1, 2, 0));
  const { crons, fired } = make(clock);
  await crons.create({ ...nightly, expression: '*/5 * * * *' }, 'me');
  clock.stepWall(5 * MINUTE_MS);
  await crons.fireDue(new AbortController().signal);
  clock.stepWall(-10 * MINUTE_MS);
  await crons.fireDue(new AbortController().signal);
  clock.stepWall(12 * MINUTE_MS);
  await crons.fireDue(new AbortController().signal);
  expect(fired).toHaveLength(1);
});

test('a refused configuration and an absent repository are kept as the problem, and do not stop the others', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const problem = { file: '.cirrus.yml', severity: 'error' as const, line: 3, column: 5, message: 'bad' };
  const refused = make(clock, async () => ({ kind: 'refused', problems: [problem] }));
  await refused.crons.create(nightly, 'me');
  await refused.crons.create({ ...nightly, name: 'other' }, 'me');
  clock.stepWall(3 * 60 * MINUTE_MS);
  await refused.crons.fireDue(new AbortController().signal);
  expect((await refused.crons.list(ALL)).items.map(({ lastProblem }) => lastProblem)).toEqual([
    '.cirrus.yml:3:5: bad',
    '.cirrus.yml:3:5: bad',
  ]);
  clock.stepWall(24 * 60 * MINUTE_MS);
  const away = make(clock, () => Promise.reject(new AppError('UNAVAILABLE', 'git fetch failed')));
  await away.crons.fireDue(new AbortController().signal);
  expect((await away.crons.list(ALL)).items[0]).toMatchObject({ lastProblem: 'git fetch failed', lastBuild: null });
});

test('a name is taken once; a wrong expression is told at once', async () => {
  const { crons } = make(new FakeClock());
  await crons.create(nightly, 'me');
  await expect(crons.create(nightly, 'me')).rejects.toMatchObject({ code: 'USAGE' });
  await expect(crons.create({ ...nightly, name: 'b', expression: 'x' }, 'me')).rejects.toMatchObject({
    code: 'CONFIG',
  });
  expect([await crons.remove('nightly'), await crons.remove('nightly')]).toEqual([true, false]);
  await settle();
});
