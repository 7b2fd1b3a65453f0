/**
 * `bun run test:deep [SEED]`: the schedules of the supervisor in full number. Prints counts and seed; exit 1 with the
 * seed of the schedule that broke a promise.
 */
import { randomInt } from 'node:crypto';
import { runSchedules, tellCounts } from './supervisor/schedules.ts';

const SCHEDULES = 100_000;

const seed = Number(process.argv[2] ?? randomInt(2 ** 31));
const startMs = performance.now();
try {
  process.stdout.write(`${tellCounts(runSchedules(SCHEDULES, seed), seed)}\n`);
  process.stdout.write(`no promise broken, in ${((performance.now() - startMs) / 1_000).toFixed(1)} s\n`);
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
