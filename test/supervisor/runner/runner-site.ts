import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { systemClock } from '../../../src/platform/clock.ts';
import { listProcesses, type ProcessInfo } from '../../../src/platform/process-table.ts';
import { sendSignal, spawn } from '../../../src/platform/processes.ts';
import { currentUser } from '../../../src/platform/users.ts';
import { askSupervisor } from '../../../src/supervisor/status-client.ts';
import type { StatusReport } from '../../../src/supervisor/status-report.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

const SUPERVISE = resolve(import.meta.dir, '../fixtures/supervise.ts');
const never = new AbortController().signal;

/** A supervisor of a command worker in a folder of its own, with a shutdown command that only notes that it was called. */
export async function supervised(
  lifetime: Record<string, string>,
  worker: (folder: string) => Record<string, unknown>,
  metadata: Record<string, string> = { source: 'none' },
) {
  const folder = tempFolder();
  const { path } = folder;
  const read = (file: string) => (existsSync(`${path}/${file}`) ? readFileSync(`${path}/${file}`, 'utf8') : '');
  writeFileSync(`${path}/order.sh`, `#!/bin/sh\necho off >> ${path}/ordered\n`, { mode: 0o755 });
  const config = {
    name: 'Test-1',
    metadata,
    lifetime: { max: '48h', 'idle-check': '24h', 'hard-cap': '2h', jitter: '0s', 'drain-poll': '100ms', ...lifetime },
    worker: {
      mode: 'command',
      user: currentUser().name,
      grace: '500ms',
      path: '/usr/bin:/bin',
      directory: path,
      ...worker(path),
    },
    shutdown: { command: [`${path}/order.sh`], 'step-timeout': '60s' },
    disk: { 'min-free': 0 },
    'state-dir': `${path}/state`,
    control: { socket: `${path}/s.sock` },
  };
  writeFileSync(`${path}/p.yml`, stringify(config));
  const supervisor = await spawn({
    argv: [process.execPath, SUPERVISE, `${path}/p.yml`],
    env: {},
    stdout: 'pipe',
    stderr: 'pipe',
  });
  for (const stream of [supervisor.stdout, supervisor.stderr]) {
    stream?.on('data', (data) => writeFileSync(`${path}/out`, data, { flag: 'a' }));
  }
  const status = async () => {
    const asked = await askSupervisor(`${path}/s.sock`, systemClock, never);
    return asked.tag === 'answer' ? asked.answer.status : undefined;
  };
  const here = {
    path,
    read,
    touch: (file: string) => writeFileSync(`${path}/${file}`, ''),
    /** All processes that show the folder in their command line, the supervisor left out. */
    processes: (): ProcessInfo[] =>
      listProcesses().filter(({ command, pid }) => command.includes(path) && pid !== supervisor.pid),
    until: (what: string, condition: () => boolean) => waitFor(`${what}\n${read('out')}\n${read('seen')}`, condition),
    untilStatus: (what: string, condition: (status: StatusReport) => boolean): Promise<StatusReport> =>
      waitFor(what, async () => {
        const now = await status();
        return now !== undefined && condition(now) && now;
      }),
    async [Symbol.asyncDispose]() {
      supervisor.signalGroup('SIGKILL');
      await supervisor.exited;
      for (const { pid } of here.processes()) sendSignal(pid, 'SIGKILL');
      folder[Symbol.dispose]();
    },
  };
  return here;
}
