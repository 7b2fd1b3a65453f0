import { expect, test } from 'bun:test';
import { reckonAge, wallStepMs } from '../../src/supervisor/age.ts';
import { HOUR, MINUTE } from './policy-support.ts';

const WALL = Date.UTC(2026, 5, 1);
const mark = { ageMs: 10 * HOUR, continuousMs: 20 * HOUR, bootId: 'a', wallMs: WALL };

test.each([
  ['same boot', { continuousMs: 21 * HOUR, bootId: 'a', wallMs: WALL + HOUR }, 11 * HOUR, false],
  [
    'A31 wall clock ahead in one boot',
    { continuousMs: 21 * HOUR, bootId: 'a', wallMs: WALL + 31 * HOUR },
    11 * HOUR,
    false,
  ],
  [
    'A32 wall clock back in one boot',
    { continuousMs: 21 * HOUR, bootId: 'a', wallMs: WALL - 29 * HOUR },
    11 * HOUR,
    false,
  ],
  ['A34 sleep counts', { continuousMs: 26 * HOUR, bootId: 'a', wallMs: WALL + 6 * HOUR }, 16 * HOUR, false],
  ['A30 reboot', { continuousMs: MINUTE, bootId: 'b', wallMs: WALL + 2 * HOUR }, 12 * HOUR, false],
  [
    'A35 reboot, clock 6 h behind',
    { continuousMs: MINUTE, bootId: 'b', wallMs: WALL - 6 * HOUR },
    10 * HOUR + MINUTE,
    true,
  ],
  ['A33 reboot into 1970', { continuousMs: MINUTE, bootId: 'b', wallMs: 0 }, 10 * HOUR + MINUTE, true],
  ['reboot, clock a little behind', { continuousMs: HOUR, bootId: 'b', wallMs: WALL + 55 * MINUTE }, 11 * HOUR, false],
  ['boots cannot be told apart', { continuousMs: MINUTE, bootId: '', wallMs: WALL + HOUR }, 11 * HOUR, false],
])('%s', (_title, now, ageMs, warned) => {
  const reckoned = reckonAge(mark, now);
  expect([reckoned.ageMs, reckoned.warning !== undefined]).toEqual([ageMs, warned]);
});

test('A33 a mark from 1970 makes no immediate end', () => {
  const { ageMs } = reckonAge({ ...mark, wallMs: 5 * MINUTE }, { continuousMs: MINUTE, bootId: 'b', wallMs: WALL });
  expect(ageMs).toBe(10 * HOUR + MINUTE);
});

test('a step of the wall clock is seen when it is no daily drift', () => {
  const now = { continuousMs: mark.continuousMs + HOUR, bootId: 'a', wallMs: WALL + HOUR };
  expect(wallStepMs(mark, now)).toBeUndefined();
  expect(wallStepMs(mark, { ...now, wallMs: now.wallMs + 11 * MINUTE })).toBe(11 * MINUTE);
  expect(wallStepMs(mark, { ...now, wallMs: now.wallMs - 30 * HOUR })).toBe(-30 * HOUR);
});
