import { expect, test } from 'bun:test';
import { killWorkers } from '../deep/worker-kills.ts';

/** A hundred times by `npm run test:deep`; what is promised is checked in there, here that it was really tried. */
test('kill -9 of a worker at random points: no orphan, no folder, each task ends or is lost exactly once', async () => {
  const tally = await killWorkers(12, 20_261_122);
  expect(tally.kills).toBe(12);
  expect(tally.lost).toBeGreaterThan(5);
  expect(tally.finished).toBeGreaterThan(0);
  expect(tally.folders).toBeGreaterThan(10);
}, 180_000);
