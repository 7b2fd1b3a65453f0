#!/usr/bin/env bun
/**
 * `npm run bench` builds the executables, runs every benchmark (or those that are named: `npm run bench -- start-up`),
 * prints a table for each, keeps the figures in bench/results/ and writes docs/performance.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError, describeError, EXIT } from '../src/lib/errors.ts';
import { agentCache } from './agent-cache.ts';
import { agentLog, emptyTask } from './agent-task.ts';
import { binarySize } from './binary-size.ts';
import { cirrusYml } from './cirrus-yml.ts';
import { benchEnvironment, buildAll, executable } from './executable.ts';
import { firstLogLine } from './first-log-line.ts';
import { idle } from './idle.ts';
import { logIngestion } from './log-ingestion.ts';
import { describeMachine } from './machine.ts';
import { pollingWorkers } from './polling-workers.ts';
import { type Outcome, storeOutcome, tableOf, writePerformancePage } from './report.ts';
import { restart } from './restart.ts';
import { startUp } from './start-up.ts';
import { supervisorDeadline } from './supervisor-deadline.ts';
import { supervisorIdle } from './supervisor-idle.ts';
import { supervisorTicks } from './supervisor-ticks.ts';
import { tasksPerSecond } from './tasks-per-second.ts';
import { workerTasks } from './worker-tasks.ts';

/** Each starts what it needs below `folder`, an empty one, and ends it again. In the order of the page. */
const BENCHMARKS: Readonly<Record<string, (folder: string, signal: AbortSignal) => Promise<Outcome>>> = {
  'first-log-line': firstLogLine,
  'tasks-per-second': tasksPerSecond,
  'polling-workers': pollingWorkers,
  'log-ingestion': logIngestion,
  restart,
  idle,
  'worker-tasks': (folder, signal) => workerTasks(folder, signal),
  'start-up': startUp,
  'supervisor-idle': supervisorIdle,
  'supervisor-ticks': supervisorTicks,
  'supervisor-deadline': supervisorDeadline,
  'agent-cache': agentCache,
  'binary-size': binarySize,
  'cirrus-yml': cirrusYml,
  'agent-log': agentLog,
  'empty-task': emptyTask,
};

function chosen(words: readonly string[]): string[] {
  const names = Object.keys(BENCHMARKS);
  const unknown = words.find((word) => !names.includes(word));
  if (unknown === undefined) return words.length === 0 ? names : [...words];
  throw new AppError('USAGE', `unknown benchmark "${unknown}"`, { hint: `known: ${names.join(', ')}` });
}

function commitOfExecutable(): string {
  const asked = Bun.spawnSync([executable(), 'version', '--json'], { env: { ...benchEnvironment('/') } });
  return (JSON.parse(asked.stdout.toString()) as { commit: string }).commit;
}

async function runOne(name: string, signal: AbortSignal): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pwagent-bench-'));
  try {
    process.stdout.write(`\n${name} …\n`);
    const commit = commitOfExecutable(); // before: a long run may see it built anew
    const outcome = await BENCHMARKS[name]?.(folder, signal);
    if (outcome === undefined) return;
    await storeOutcome(outcome, describeMachine(commit));
    process.stdout.write(`\n${outcome.title}\n\n${tableOf(outcome.rows)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => stop.abort(new AppError('TEMPORARY', `stopped by ${name}`)));
  }
  try {
    const names = chosen(process.argv.slice(2));
    await buildAll();
    for (const name of names) await runOne(name, stop.signal);
    await writePerformancePage(Object.keys(BENCHMARKS));
    process.stdout.write('\nwritten: bench/results/, docs/performance.md\n');
    return EXIT.ok;
  } catch (error) {
    process.stderr.write(`bench: ${describeError(error)}\n`);
    return error instanceof AppError ? error.exitCode : EXIT.internal;
  }
}

process.exit(await main());
