import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../src/lib/errors.ts';
import { freePort } from '../src/platform/free-port.ts';
import { type Child, spawn } from '../src/platform/processes.ts';
import { benchEnvironment, executable } from './executable.ts';

/** A hub alone, as the compiled executable. */
export interface HubProcess {
  readonly child: Child;
  readonly http: string;
  readonly grpc: string;
  readonly registrationToken: string;
  readonly adminToken: string;
  /** Milliseconds from the start of the process until it answered. */
  readonly readyMs: number;
  stop(): Promise<void>;
}

async function answers(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/v1/builds?limit=1`).catch(() => undefined);
  return answer !== undefined;
}

/** Starts a hub over `data` (made when it is missing) and waits until it answers; ports are free ones. */
export async function startHubProcess(
  data: string,
  signal: AbortSignal,
  flags: readonly string[] = [],
): Promise<HubProcess> {
  const [httpPort, grpcPort] = [await freePort(0), await freePort(0)];
  const http = `http://127.0.0.1:${httpPort}`;
  const logFile = `${data}.log`;
  const output = openSync(logFile, 'a');
  const startMs = performance.now();
  const listen = ['--listen', `127.0.0.1:${httpPort}`, '--grpc', `127.0.0.1:${grpcPort}`];
  const argv = [executable(), 'hub', ...listen, '--data', data, ...flags];
  const child = await spawn({ argv, env: benchEnvironment(data), stdout: output, stderr: output });
  closeSync(output);
  while (!(await answers(http))) {
    signal.throwIfAborted();
    if (performance.now() - startMs > 60_000) {
      child.signal('SIGKILL');
      throw new AppError('UNAVAILABLE', `the hub did not come up:\n${readFileSync(logFile, 'utf8').slice(-500)}`);
    }
    await Bun.sleep(2);
  }
  const token = (name: string) => {
    const path = join(data, name);
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  };
  return {
    child,
    http,
    grpc: `http://127.0.0.1:${grpcPort}`,
    registrationToken: token('registration-token'),
    adminToken: token('admin-token'),
    readyMs: performance.now() - startMs,
    async stop() {
      child.signal('SIGTERM');
      await child.exited;
    },
  };
}
