import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import { benchEnvironment, buildEmpty, executable, timeRun } from './executable.ts';
import { type Outcome, rowOf } from './report.ts';
import { startStack } from './stack.ts';

const RUNS = 50;

/** Start to exit, `RUNS` times after three that do not count; every run must end with `code`. */
async function timed(argv: readonly string[], folder: string, code: number, signal: AbortSignal): Promise<number[]> {
  const samples: number[] = [];
  for (let round = -3; round < RUNS; round += 1) {
    signal.throwIfAborted();
    const { ms, exit } = await timeRun(argv, benchEnvironment(folder));
    if (exit.code !== code) throw new AppError('JOB_FAILED', `${argv.slice(1).join(' ')} ended with ${exit.code}`);
    if (round >= 0) samples.push(ms);
  }
  return samples;
}

export async function startUp(folder: string, signal: AbortSignal): Promise<Outcome> {
  const empty = await timed([await buildEmpty(folder)], folder, 0, signal);
  const version = await timed([executable(), 'version'], folder, 0, signal);
  const nobody = join(folder, 'nobody.sock');
  const without = await timed([executable(), 'status', '--socket', nobody], folder, 4, signal);
  const stack = await startStack(folder, signal);
  let running: number[];
  try {
    running = await timed([executable(), 'status', '--socket', stack.socket], folder, 0, signal);
  } finally {
    await stack.stop();
  }
  return {
    name: 'start-up',
    title: 'Start-up time',
    method: `from the start of the process to its exit, ${RUNS} times each, the executable in the page cache.`,
    bounds: 'the start of the runtime (first row); commands load only what they need, and bytecode saves the parsing.',
    rows: [
      rowOf('an executable that does nothing', 'ms', empty),
      rowOf('`pwagent version`', 'ms', version),
      rowOf('`pwagent status`, no supervisor', 'ms', without, { goal: 40 }),
      rowOf('`pwagent status`, a serving supervisor', 'ms', running, { goal: 40 }),
    ],
  };
}
