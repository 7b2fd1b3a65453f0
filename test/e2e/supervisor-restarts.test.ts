import { describe, expect, test } from 'bun:test';
import { climbInVain } from '../deep/ladder.ts';
import { restartOverAndOver } from '../deep/restarts.ts';

/** In full number by `npm run test:deep`; what is promised is checked in there, here that it was really tried. */
describe('the compiled supervisor, again and again', () => {
  test('20 kill -9 in a row: no deadline moves later, nothing is left, one worker at the end', async () => {
    const tally = await restartOverAndOver(20);
    expect(tally.restarts).toBe(20);
    expect(Math.min(...Object.values(tally.kills))).toBeGreaterThan(0);
    expect(tally.compared).toBeGreaterThan(20);
    expect(tally.left).toBeGreaterThan(10);
  }, 180_000);

  test('A36 A37 a shutdown command that fails, hangs and does nothing is tried round and round, on time', async () => {
    const tally = await climbInVain(6);
    expect(tally.rounds).toBe(6);
    expect(Object.keys(tally.ways)).toHaveLength(5);
    expect(tally.hung).toBeGreaterThan(3);
  }, 120_000);
});
