import { stringify } from 'yaml';
import { AppError } from '../../lib/errors.ts';
import { systemClock } from '../../platform/clock.ts';
import { endProcess } from '../../platform/end-process.ts';
import type { Environment } from '../../platform/environment.ts';
import { writeFileAtomically } from '../../platform/files.ts';
import { openLogFile } from '../../platform/log-file.ts';
import { type Child, spawn } from '../../platform/processes.ts';
import { selfCommand } from '../../platform/self.ts';
import { readSmallFile } from '../../platform/text-file.ts';
import { currentUser } from '../../platform/users.ts';
import { type DemoPaths, supervisorConfiguration, workerConfiguration } from './plan.ts';

/** Time for supervisor and worker to end what runs, before they are killed. */
const END_GRACE_MS = 30_000;

export interface DemoSupervisor {
  readonly pid: number;
  /** Rejects with an `AppError` when the supervisor ends by itself; never resolves. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}

/** The last lines of a log, for an error that takes the log away with it. */
function tail(path: string): string {
  return readSmallFile(path, 'log').trim().split('\n').slice(-5).join('\n');
}

function watch(child: Child, paths: DemoPaths): Promise<never> {
  const broken = child.exited.then(({ code, signal }) => {
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    throw new AppError(
      'UNAVAILABLE',
      `the supervisor ended with ${how}; its last words:\n${tail(paths.supervisorLog)}`,
    );
  });
  broken.catch(() => {}); // whoever waits for it hears of it
  return broken;
}

/** Starts `pwagent run --dry-run` with a worker for that hub, in a process group of its own. */
export async function startDemoSupervisor(
  paths: DemoPaths,
  hub: { readonly grpcPort: number; readonly publicUrl: string },
  env: Environment,
): Promise<DemoSupervisor> {
  const configuration = supervisorConfiguration(paths, currentUser().name, hub.publicUrl, env);
  await writeFileAtomically(paths.supervisorConfig, stringify(configuration));
  await writeFileAtomically(paths.workerConfig, stringify(workerConfiguration(hub.grpcPort)));
  const child = await spawn({
    argv: [...selfCommand(), 'run', '--config', paths.supervisorConfig, '--dry-run'],
    cwd: paths.root,
    env: { ...env },
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const { write } = openLogFile(paths.supervisorLog);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => write(text));
  return {
    pid: child.pid,
    broken: watch(child, paths),
    stop: async () => void (await endProcess(child, END_GRACE_MS, systemClock)),
  };
}
