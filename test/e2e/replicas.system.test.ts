import { expect } from 'bun:test';
import { killReplicas } from '../deep/replicas.ts';
import { postgresGap } from '../support/postgres.ts';
import { testNeeding } from '../support/requirement.ts';

const onPostgres = testNeeding('three hubs on PostgreSQL', postgresGap());

/** In full length by `npm run test:deep`; what is promised is checked in there, here that it was really tried. */
onPostgres(
  'three hubs of which one is killed every second lose nothing and run nothing twice',
  async () => {
    const tally = await killReplicas(5, 1_000, 7);
    expect(tally.kills).toBe(5);
    expect(tally.builds).toBeGreaterThan(5);
    expect(tally.runs).toBeGreaterThanOrEqual(2 * tally.builds);
  },
  240_000,
);
