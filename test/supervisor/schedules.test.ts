import { expect, test } from 'bun:test';
import { randomInt } from 'node:crypto';
import { FAULTS, runSchedules, tellCounts } from './schedules.ts';

/** A new seed each time; the one of a failure is in its message. */
const seed = randomInt(2 ** 31);

test('10,000 lives with random faults: each ends on time, none early, no deadline moves later', () => {
  const counts = runSchedules(10_000, seed);
  process.stdout.write(`${tellCounts(counts, seed)}\n`);
  expect(counts.schedules).toBe(10_000);
  for (const fault of FAULTS) expect(counts.faults[fault]).toBeGreaterThan(100);
  expect(counts.shutdowns).toBeGreaterThan(9_000);
}, 60_000);
