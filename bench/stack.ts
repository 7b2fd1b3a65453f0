import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { AppError } from '../src/lib/errors.ts';
import { systemClock } from '../src/platform/clock.ts';
import { descendantsOf, listProcesses } from '../src/platform/process-table.ts';
import { type Child, sendSignal, spawn } from '../src/platform/processes.ts';
import { currentUser } from '../src/platform/users.ts';
import { benchEnvironment, executable } from './executable.ts';

/** Hub, supervisor and supervised worker on this machine, as compiled executables. */
export interface Stack {
  readonly hubUrl: string;
  readonly adminTokenFile: string;
  readonly socket: string;
  /** Process ids by part. */
  readonly pids: { readonly hub: number; readonly supervisor: number; readonly worker: number };
  stop(): Promise<void>;
}

const STOP_MS = 15_000;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Looks every 20 ms until `find` finds something. Throws after a minute, or when `signal` aborts. */
async function until<T>(
  what: string,
  logFile: string,
  signal: AbortSignal,
  find: () => Promise<T | undefined>,
): Promise<T> {
  const endMs = systemClock.monoMs() + 60_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (systemClock.monoMs() > endMs) {
      const log = existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n') : '';
      throw new AppError('UNAVAILABLE', `${what} did not come up within a minute; its last words:\n${log}`);
    }
    await systemClock.sleep(20, signal);
  }
}

/** Ends a process in good order, with force when it takes too long; what it started ends with it. */
async function end(child: Child): Promise<void> {
  const family = descendantsOf(listProcesses(), child.pid).map(({ pid, started }) => ({ pid, started }));
  child.signal('SIGTERM');
  const late = systemClock.after(STOP_MS, () => child.signalGroup('SIGKILL'));
  await child.exited;
  late();
  const alive = listProcesses().filter((info) =>
    family.some(({ pid, started }) => info.pid === pid && info.started === started),
  );
  for (const { pid } of alive) sendSignal(pid, 'SIGKILL');
}

function supervisorConfiguration(folder: string): string {
  return `name: bench
metadata: { source: none }
worker:
  user: ${currentUser().name}
  config: ${folder}/worker.yml
  token-file: ${folder}/hub/registration-token
  path: ${process.env.PATH ?? '/usr/bin:/bin'}
disk: { min-free: 0 }
state-dir: ${folder}/state
control: { socket: ${folder}/control.sock }
`;
}

async function start(args: readonly string[], folder: string, log: string): Promise<Child> {
  const output = openSync(join(folder, log), 'a');
  try {
    const argv = [executable(), ...args];
    return await spawn({ argv, env: benchEnvironment(folder), cwd: folder, stdout: output, stderr: output });
  } finally {
    closeSync(output);
  }
}

async function statusOf(socket: string, folder: string): Promise<{ phase?: string; worker?: { pid?: number | null } }> {
  const argv = [executable(), 'status', '--json', '--socket', socket];
  const asked = await spawn({ argv, env: benchEnvironment(folder), stdout: 'pipe' });
  const answer = asked.stdout === null ? '' : await text(asked.stdout);
  await asked.exited;
  return answer.startsWith('{') ? JSON.parse(answer) : {};
}

/** Starts everything below `folder` (empty) and waits until the worker serves. */
export async function startStack(folder: string, signal: AbortSignal): Promise<Stack> {
  const [http, grpc] = [await freePort(), await freePort()];
  const hubUrl = `http://127.0.0.1:${http}`;
  const socket = join(folder, 'control.sock');
  const started: Child[] = [];
  const stop = async () => {
    for (const child of started.reverse()) await end(child);
  };
  try {
    const listen = ['--listen', `127.0.0.1:${http}`, '--grpc', `127.0.0.1:${grpc}`];
    const hub = await start(['hub', ...listen, '--data', join(folder, 'hub')], folder, 'hub.log');
    started.push(hub);
    await until('the hub', join(folder, 'hub.log'), signal, async () => {
      const answer = await fetch(hubUrl, { signal }).catch(() => undefined);
      return answer !== undefined && existsSync(join(folder, 'hub/registration-token')) ? true : undefined;
    });
    mkdirSync(join(folder, 'state'));
    writeFileSync(join(folder, 'worker.yml'), `name: bench\nrpc: { endpoint: "http://127.0.0.1:${grpc}" }\n`);
    writeFileSync(join(folder, 'pwagent.yml'), supervisorConfiguration(folder));
    const supervisor = await start(['run', '--config', join(folder, 'pwagent.yml'), '--dry-run'], folder, 'run.log');
    started.push(supervisor);
    const worker = await until('the worker', join(folder, 'run.log'), signal, async () => {
      const status = await statusOf(socket, folder);
      return status.phase === 'serving' ? (status.worker?.pid ?? undefined) : undefined;
    });
    const pids = { hub: hub.pid, supervisor: supervisor.pid, worker };
    return { hubUrl, adminTokenFile: join(folder, 'hub/admin-token'), socket, pids, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
