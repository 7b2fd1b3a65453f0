import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import { systemClock } from '../src/platform/clock.ts';
import { spawn } from '../src/platform/processes.ts';
import { currentUser } from '../src/platform/users.ts';
import { askSupervisor } from '../src/supervisor/status-client.ts';
import { benchEnvironment, executable } from './executable.ts';
import { type Outcome, type Row, rowOf } from './report.ts';
import { startStack } from './stack.ts';
import { quantile } from './statistics.ts';

const RUNS = 40;
const LIFETIME_MS = 2_000;
const BOUND_MS = 30_000;

/** Milliseconds from the deadline as `status` told it to what followed. */
interface Delays {
  /** The decision, by the supervisor's own records. */
  readonly decisionMs: number;
  /** The start of the shutdown command, by its own clock: what it takes to end the worker is in it. */
  readonly commandMs: number;
}

function writeConfiguration(folder: string, stackFolder: string): string {
  const command = JSON.stringify(['/bin/sh', '-c', `exec date +%s%N >> ${folder}/ordered`]);
  const workerFile = readFileSync(join(stackFolder, 'worker.yml'), 'utf8').replace('name: bench', 'name: short-lived');
  writeFileSync(join(folder, 'worker.yml'), workerFile);
  writeFileSync(
    join(folder, 'pwagent.yml'),
    `name: short-lived
metadata: { source: none }
lifetime: { max: ${LIFETIME_MS}ms, idle-check: 24h, jitter: 0s }
worker:
  user: ${currentUser().name}
  config: ${folder}/worker.yml
  token-file: ${stackFolder}/hub/registration-token
  path: ${process.env.PATH ?? '/usr/bin:/bin'}
shutdown: { command: ${command}, step-timeout: 60s }
disk: { min-free: 0 }
state-dir: ${folder}/state
control: { socket: ${folder}/s.sock }
`,
  );
  return join(folder, 'pwagent.yml');
}

async function until<T>(what: string, signal: AbortSignal, find: () => T | undefined | Promise<T | undefined>) {
  const endMs = systemClock.monoMs() + BOUND_MS;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (systemClock.monoMs() > endMs) throw new AppError('UNAVAILABLE', `did not happen in time: ${what}`);
    await systemClock.sleep(10, signal);
  }
}

/** Wall time of the deadline, told while the worker serves. */
async function deadlineOf(socket: string, signal: AbortSignal): Promise<number> {
  return until('the worker serves', signal, async () => {
    const asked = await askSupervisor(socket, systemClock, signal);
    if (asked.tag !== 'answer' || asked.answer.status.phase !== 'serving') return undefined;
    const lifetime = asked.answer.status.deadlines.find(({ rule }) => rule === 'lifetime');
    return lifetime === undefined ? undefined : Date.parse(lifetime.dueAt);
  });
}

function decisionOf(records: string): number {
  const lines = readFileSync(records, 'utf8').trimEnd().split('\n');
  const decisions = lines.map((line) => (JSON.parse(line) as { decision?: { rule: string; ageMs: number } }).decision);
  const ageMs = decisions.find((decision) => decision?.rule === 'lifetime')?.ageMs;
  return (ageMs ?? Number.NaN) - LIFETIME_MS;
}

async function oneLife(folder: string, stackFolder: string, signal: AbortSignal): Promise<Delays> {
  mkdirSync(folder);
  const argv = [executable(), 'run', '--config', writeConfiguration(folder, stackFolder)];
  const child = await spawn({ argv, env: benchEnvironment(folder), stdout: 'ignore', stderr: 'ignore' });
  try {
    const dueMs = await deadlineOf(join(folder, 's.sock'), signal);
    const orders = join(folder, 'ordered');
    const order = await until('the shutdown command runs', signal, () => {
      const text = existsSync(orders) ? readFileSync(orders, 'utf8') : '';
      return text.endsWith('\n') ? text : undefined;
    });
    return {
      decisionMs: decisionOf(join(folder, 'state/journal-records.jsonl')),
      commandMs: Number(order) / 1e6 - dueMs,
    };
  } finally {
    child.signal('SIGTERM');
    await child.exited;
  }
}

function rowsOf(what: string, samples: readonly number[]): Row[] {
  return ([0.5, 0.99] as const).map((share) =>
    rowOf(`deadline → ${what}, p${share * 100}`, 'ms', samples, { value: quantile(samples, share) }),
  );
}

export async function supervisorDeadline(folder: string, signal: AbortSignal): Promise<Outcome> {
  const stack = await startStack(folder, signal);
  const lives: Delays[] = [];
  try {
    for (let life = 0; life < RUNS; life += 1) {
      signal.throwIfAborted();
      lives.push(await oneLife(join(folder, `life-${life}`), folder, signal));
    }
  } finally {
    await stack.stop();
  }
  return {
    name: 'supervisor-deadline',
    title: 'Deadline to shutdown command',
    method: `${RUNS} lives of ${LIFETIME_MS / 1_000} s, one after the other, each with a serving worker that runs nothing and a shutdown command that writes its own start time (\`date\`, so about two milliseconds of the second pair are its own start). The deadline is the one that \`pwagent status\` tells, to the millisecond. Beside it an idle supervisor with its worker and the hub.`,
    bounds:
      'the orderly end of the worker, which leaves the hub first and is looked at every 100 ms; one that does not listen is killed after 5 s at a lifetime, and the command comes within 10 s in any case.',
    rows: [
      ...rowsOf(
        'decision',
        lives.map(({ decisionMs }) => decisionMs),
      ),
      ...rowsOf(
        'start of the shutdown command',
        lives.map(({ commandMs }) => commandMs),
      ),
    ],
  };
}
