/**
 * `bun run test:deep [SEED]`: the schedules of the supervisor and mutated configurations, in full number. Prints counts,
 * seed and times; exit 1 with what broke a promise, every run being done even so.
 */
import { randomInt } from 'node:crypto';
import { parseMutated, tellTally } from './cirrus-yml/mutated-documents.ts';
import { runSchedules, tellCounts } from './supervisor/schedules.ts';

const SCHEDULES = 100_000;
const DOCUMENTS = 100_000;

const seed = Number(process.argv[2] ?? randomInt(2 ** 31));
const RUNS = [
  () => tellCounts(runSchedules(SCHEDULES, seed), seed),
  () => tellTally(parseMutated(DOCUMENTS, seed), seed),
];

for (const run of RUNS) {
  const startMs = performance.now();
  try {
    const told = run();
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    process.stdout.write(`${told}\nno promise broken, in ${seconds} s\n`);
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
