import { expect, test } from 'bun:test';
import { killOverAndOver } from '../deep/hub-kills.ts';

/** In full number by `npm run test:deep`; what is promised is checked in there, here that it was really tried. */
test('a hub that is killed 8 times under load loses nothing, runs nothing twice, and checks clean', async () => {
  const tally = await killOverAndOver(8, 7);
  expect(tally.kills).toBe(8);
  expect(tally.builds).toBeGreaterThan(5);
  expect(tally.runs).toBeGreaterThanOrEqual(2 * tally.builds);
}, 180_000);
