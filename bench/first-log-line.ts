import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import { systemClock } from '../src/platform/clock.ts';
import { spawn } from '../src/platform/processes.ts';
import { benchEnvironment, executable } from './executable.ts';
import { type Outcome, rowOf } from './report.ts';
import { type Stack, startStack } from './stack.ts';
import { quantile } from './statistics.ts';

const BUILDS = 100;
const WARM_UP = 3;
const IDLE_MS = 500;
/** What the script prints; the script's own text does not contain it, so that an echo of the script is not taken for it. */
const MARKER = 'first-42-line';

function writeWorkTree(folder: string): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'README'), 'A small work tree.\n');
  writeFileSync(
    join(folder, '.cirrus.yml'),
    `persistent_worker: {}\nspeak_task:\n  speak_script: echo first-$((40 + 2))-line\n`,
  );
}

/** One build: milliseconds from the start of `pwagent submit` to the first log line on its output, and to its exit. */
async function submitOnce(stack: Stack, folder: string): Promise<{ lineMs: number; totalMs: number }> {
  const flags = ['--hub', stack.hubUrl, '--token-file', stack.adminTokenFile, '--dir', join(folder, 'tree')];
  const startMs = performance.now();
  const argv = [executable(), 'submit', ...flags];
  const child = await spawn({ argv, env: benchEnvironment(folder), stdout: 'pipe', stderr: 'ignore' });
  let seen = '';
  let lineMs = Number.NaN;
  child.stdout?.on('data', (data: Buffer) => {
    seen += data.toString();
    if (Number.isNaN(lineMs) && seen.includes(MARKER)) lineMs = performance.now() - startMs;
  });
  const { code } = await child.exited;
  if (code !== 0 || Number.isNaN(lineMs)) {
    throw new AppError('JOB_FAILED', `a build ended with exit code ${code}; it printed:\n${seen.slice(-500)}`);
  }
  return { lineMs, totalMs: performance.now() - startMs };
}

export async function firstLogLine(folder: string, signal: AbortSignal): Promise<Outcome> {
  writeWorkTree(join(folder, 'tree'));
  const stack = await startStack(folder, signal);
  const lines: number[] = [];
  const totals: number[] = [];
  try {
    for (let round = 0; round < WARM_UP + BUILDS; round += 1) {
      await systemClock.sleep(IDLE_MS, signal); // what the build before has left to do is over, and the worker idle
      const { lineMs, totalMs } = await submitOnce(stack, folder);
      if (round < WARM_UP) continue;
      lines.push(lineMs);
      totals.push(totalMs);
    }
  } finally {
    await stack.stop();
  }
  return {
    name: 'first-log-line',
    title: 'Submit to first log line',
    method: `${BUILDS} builds of one task, one after the other, after ${WARM_UP} that do not count, everything idle for half a second before each; from the start of the process \`pwagent submit\` to the first line of the script on its output, so that the start of the command, the upload of the work tree, the start of the agent and the clone are all in it.`,
    bounds:
      'starts of processes: the command, the agent, git for storing and for cloning the work tree, the shell; the wire itself takes single milliseconds.',
    rows: [
      rowOf('submit → first log line, p50', 'ms', lines, { value: quantile(lines, 0.5), goal: 60 }),
      rowOf('submit → first log line, p99', 'ms', lines, { value: quantile(lines, 0.99), goal: 250 }),
      rowOf('submit → its exit, p50', 'ms', totals, { value: quantile(totals, 0.5) }),
    ],
  };
}
