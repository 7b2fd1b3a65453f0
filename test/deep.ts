/**
 * `bun run test:deep [SEED]`: the schedules of the supervisor, mutated configurations, and the executable under restarts,
 * in vain ladders and among hostile tasks, in full number. Prints counts, seed and times; exit 1 with what broke a
 * promise, every run being done even so.
 */
import { randomInt } from 'node:crypto';
import { parseMutated, tellTally } from './cirrus-yml/mutated-documents.ts';
import { printGibibyte } from './deep/agent-log.ts';
import { buildHost } from './deep/build-host.ts';
import { attackOverAndOver } from './deep/hostile.ts';
import { killOverAndOver, tellKills } from './deep/hub-kills.ts';
import { climbInVain, tellLadder } from './deep/ladder.ts';
import { killReplicas, tellReplicas } from './deep/replicas.ts';
import { tellRestarts } from './deep/restart-tally.ts';
import { restartOverAndOver } from './deep/restarts.ts';
import { killWorkers, tellWorkerKills } from './deep/worker-kills.ts';
import { tryLives } from './hub/task-life-trial.ts';
import { runSchedules, tellCounts } from './supervisor/schedules.ts';

const SCHEDULES = 100_000;
const DOCUMENTS = 100_000;
const RESTARTS = 200;
const LADDER_ROUNDS = 20;
const ATTACKS = 3;
const HUB_KILLS = 200;
const REPLICA_KILLS = 60;
const REPLICA_KILL_EVERY_MS = 3_000;
const TASK_LIVES = 500;
const WORKER_KILLS = 100;

const seed = Number(process.argv[2] ?? randomInt(2 ** 31));
const RUNS: readonly (() => string | Promise<string>)[] = [
  () => tellCounts(runSchedules(SCHEDULES, seed), seed),
  () => tellTally(parseMutated(DOCUMENTS, seed), seed),
  () => tryLives(TASK_LIVES, seed),
  () => buildHost(),
  () => printGibibyte(),
  async () => tellRestarts(await restartOverAndOver(RESTARTS)),
  async () => tellLadder(await climbInVain(LADDER_ROUNDS)),
  () => attackOverAndOver(ATTACKS),
  async () => tellWorkerKills(await killWorkers(WORKER_KILLS, seed), seed),
  async () => tellKills(await killOverAndOver(HUB_KILLS, seed), seed),
  async () => tellReplicas(await killReplicas(REPLICA_KILLS, REPLICA_KILL_EVERY_MS, seed), seed),
];

for (const run of RUNS) {
  const startMs = performance.now();
  try {
    const told = await run();
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    process.stdout.write(`${told}\nno promise broken, in ${seconds} s\n`);
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
