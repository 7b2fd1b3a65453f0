import { describe, expect, test } from 'bun:test';
import { jitterOf } from '../../src/supervisor/jitter.ts';
import type { JournalEntry } from '../../src/supervisor/journal.ts';
import { beginLife, journalEntryOf, type LifeSettings, type Situation } from '../../src/supervisor/life.ts';
import { HOUR, MINUTE } from './policy-support.ts';

const SETTINGS: LifeSettings = {
  lifetimeMs: 48 * HOUR,
  idleCheckMs: 24 * HOUR,
  jitterMs: 4 * HOUR,
  hardCapMs: 2 * HOUR,
  from: 'start',
};
const NOW = { continuousMs: 30 * HOUR, bootId: 'a', wallMs: Date.UTC(2026, 5, 1), source: 'none' } as const;
const newId = () => 'new';
const limits = { lifetimeMs: 48 * HOUR, idleAfterMs: 24 * HOUR + jitterOf('old', 4 * HOUR), hardCapMs: 2 * HOUR };
const entry: JournalEntry = {
  lifeId: 'old',
  instanceId: null,
  origin: 'start',
  afterLaunchMs: null,
  named: null,
  settledNone: false,
  certainAgeMs: null,
  withdrawn: false,
  notice: null,
  finishedTasks: 0,
  dirty: null,
  urgent: false,
  mark: { continuousMs: NOW.continuousMs, bootId: NOW.bootId, wallMs: NOW.wallMs, ageMs: 10 * HOUR },
  limits,
  servedAgeMs: MINUTE,
  ending: null,
  unusable: null,
  stopping: null,
  attempts: 0,
  restartAgesMs: [1],
  processes: [{ pid: 42, started: 'then' }],
};
const resume = (changes: Partial<JournalEntry>, settings = SETTINGS, now: Situation = NOW) =>
  beginLife({ tag: 'found', entry: { ...entry, ...changes } }, settings, now, newId);

describe('jitter', () => {
  test('A03, A46: uniform over ids, within its bounds', () => {
    const drawn = Array.from({ length: 10_000 }, (_, index) => jitterOf(`i-${index}`, 4 * HOUR) / HOUR);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(-4);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(4);
    expect(Math.max(...drawn)).toBeGreaterThan(3.5);
    const eighths = Array.from(
      { length: 8 },
      (_, index) => drawn.filter((hours) => Math.floor(hours + 4) === index).length,
    );
    for (const count of eighths) expect(Math.abs(count - 1_250)).toBeLessThan(150); // more than 4 sigma
  });

  test('A28: always the same for one id', () => {
    expect(jitterOf('x', HOUR)).toBe(jitterOf('x', HOUR));
    expect(jitterOf('x', 0)).toBe(0);
  });
});

describe('beginLife', () => {
  test('first start', () => {
    const life = beginLife({ tag: 'absent' }, SETTINGS, NOW, newId);
    expect([life.ageMs, life.lifeId, life.state.phase, life.warnings]).toEqual([0, 'new', 'starting', []]);
    expect(life.limits.idleAfterMs).toBe(24 * HOUR + jitterOf('new', 4 * HOUR));
  });

  test('first start, counted from the boot', () => {
    expect(beginLife({ tag: 'absent' }, { ...SETTINGS, from: 'boot' }, NOW, newId).ageMs).toBe(30 * HOUR);
  });

  test('A25 restart: same life, same deadlines, leftovers known', () => {
    const life = resume({}, SETTINGS, { ...NOW, continuousMs: 31 * HOUR });
    expect([life.lifeId, life.ageMs, life.limits, life.state.servedAgeMs]).toEqual(['old', 11 * HOUR, limits, MINUTE]);
    expect([life.leftovers, life.state.restartAgesMs, life.warnings]).toEqual([entry.processes, [1], []]);
  });

  test('A30 reboot: same life, and process ids of the other boot mean nothing', () => {
    const life = resume({}, SETTINGS, { continuousMs: MINUTE, bootId: 'b', wallMs: NOW.wallMs + HOUR, source: 'none' });
    expect([life.lifeId, life.ageMs, life.leftovers]).toEqual(['old', 11 * HOUR, []]);
  });

  test('a configuration that asks for more moves no deadline later; one that asks for less counts', () => {
    const more = resume({}, { ...SETTINGS, lifetimeMs: 96 * HOUR, idleCheckMs: 40 * HOUR, hardCapMs: 9 * HOUR });
    expect([more.limits, more.warnings.length]).toEqual([limits, 1]);
    const less = resume({}, { ...SETTINGS, lifetimeMs: 20 * HOUR });
    expect([less.limits.lifetimeMs, less.warnings]).toEqual([20 * HOUR, []]);
  });

  test.each([
    ['draining', { ending: { rule: 'drain', why: 'busy', sinceAgeMs: 1 } }, 'draining'],
    ['stopping', { stopping: 'too old', attempts: 2 }, 'stopping'],
  ] as const)('%s goes on after a restart', (_title, changes, phase) => {
    expect(resume(changes).state.phase).toBe(phase);
  });

  test('a boot after the first rung begins a new life; before it the old one goes on', () => {
    const booted: Situation = { continuousMs: MINUTE, bootId: 'b', wallMs: NOW.wallMs + HOUR, source: 'none' };
    expect(resume({ stopping: 'too old', attempts: 1 }, SETTINGS, booted).lifeId).toBe('new');
    expect(resume({ stopping: 'too old', attempts: 0 }, SETTINGS, booted).state.phase).toBe('stopping');
  });

  test('A29 a spoiled journal: age from the boot, idle check as early as it may', () => {
    const life = beginLife({ tag: 'spoiled', why: 'torn' }, SETTINGS, NOW, newId);
    expect([life.ageMs, life.state.servedAgeMs, life.limits.idleAfterMs]).toEqual([30 * HOUR, 0, 20 * HOUR]);
    expect(life.warnings).toEqual([expect.stringContaining('torn')]);
  });

  test('on a known instance the ladder goes on over boots', () => {
    const booted: Situation = { continuousMs: MINUTE, bootId: 'b', wallMs: NOW.wallMs + HOUR, source: 'ec2' };
    const life = resume({ instanceId: 'i-1', stopping: 'too old', attempts: 1 }, SETTINGS, booted);
    expect([life.lifeId, life.state.phase, life.uncertain]).toEqual(['old', 'stopping', true]);
  });

  test('what must survive survives: withdrawn, notices, counts, what is uncertain', () => {
    const now: Situation = { ...NOW, source: 'ec2' };
    const kept = {
      servedAgeMs: 7,
      notice: { what: 'retirement', dueAgeMs: 9 * HOUR },
      finishedTasks: 3,
      dirty: 'a mount',
      urgent: true,
      restartAgesMs: [5],
    };
    const before = beginLife({ tag: 'absent' }, SETTINGS, now, newId);
    const state = { ...before.state, ...kept, phase: 'withdrawn' } as const;
    const written = journalEntryOf(before, 4 * HOUR, state, { ...entry.mark, ageMs: 5 * HOUR }, []);
    const after = beginLife({ tag: 'found', entry: written }, SETTINGS, now, newId);
    expect(after.state).toMatchObject({ ...kept, phase: 'withdrawn' });
    expect([after.uncertain, after.certainAgeMs, after.ageMs]).toEqual([true, 4 * HOUR, 5 * HOUR]);
    const alone = beginLife({ tag: 'found', entry: written }, SETTINGS, NOW, newId);
    expect(alone.state.phase).toBe('starting'); // no tag is read there that could give the machine back
  });

  test('auto: a first start counts from itself, explicit EC2 from the boot until the launch is known', () => {
    const first = (source: Situation['source']) => beginLife({ tag: 'absent' }, SETTINGS, { ...NOW, source }, newId);
    expect([first('auto').ageMs, first('ec2').ageMs, first('ec2').origin]).toEqual([0, 30 * HOUR, 'boot']);
  });
});
