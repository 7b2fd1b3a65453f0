import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { findProcess } from '../../src/platform/process-table.ts';
import { type Child, spawn } from '../../src/platform/processes.ts';
import { currentUser } from '../../src/platform/users.ts';
import { askSupervisor } from '../../src/supervisor/status-client.ts';
import type { StatusReport } from '../../src/supervisor/status-report.ts';
import { tempFolder } from '../support/temp-folder.ts';

const SUPERVISE = resolve(import.meta.dir, 'fixtures/supervise.ts');
const signal = new AbortController().signal;

export interface Site {
  readonly path: string;
  readonly start: (...flags: string[]) => Promise<Child>;
  readonly seen: (file: 'seen' | 'ordered' | 'out' | 'state/journal.json') => string;
  readonly status: () => Promise<StatusReport | undefined>;
  /** Waits until `condition` holds; fails after 15 s. */
  readonly until: (what: string, condition: () => boolean | Promise<boolean>) => Promise<void>;
  /** Waits until the status is such, and returns it. */
  readonly untilStatus: (what: string, condition: (status: StatusReport) => boolean) => Promise<StatusReport>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** A folder with a configuration, a recording shutdown command, and everything that is started in it. */
export function site(lifetime: string, worker = '', metadata = 'source: none'): Site {
  const folder = tempFolder();
  const { path } = folder;
  const children: Child[] = [];
  const seen = (file: string) => (existsSync(`${path}/${file}`) ? readFileSync(`${path}/${file}`, 'utf8') : '');
  writeFileSync(`${path}/order.sh`, `#!/bin/sh\necho "$@" >> ${path}/ordered\n`, { mode: 0o755 });
  writeFileSync(
    `${path}/p.yml`,
    `
name: Test-1
metadata: { ${metadata} }
lifetime: { drain-poll: 100ms, ${lifetime.includes('jitter') ? '' : 'jitter: 0s, '}${lifetime} }
worker: { user: ${currentUser().name}, grace: 500ms, environment: { FAKE_WORKER_DIR: ${path} }, directory: ${path}, ${worker} }
shutdown: { command: [${path}/order.sh, off], step-timeout: 60s }
disk: { min-free: 0 }
state-dir: ${path}/state
control: { socket: ${path}/s.sock }
`,
  );
  const until: Site['until'] = async (what, condition) => {
    const endMs = systemClock.monoMs() + 15_000;
    while (!(await condition())) {
      if (systemClock.monoMs() > endMs) throw new Error(`did not happen: ${what}\n${seen('out')}\n${seen('seen')}`);
      await systemClock.sleep(10, signal);
    }
  };
  const status = async () => {
    const asked = await askSupervisor(`${path}/s.sock`, systemClock, signal);
    return asked.tag === 'answer' ? asked.answer.status : undefined;
  };
  return {
    path,
    seen,
    until,
    status,
    async untilStatus(what, condition) {
      const found: StatusReport[] = [];
      await until(what, async () => {
        const now = await status();
        if (now !== undefined && condition(now)) found.push(now);
        return found.length > 0;
      });
      return found[0] as StatusReport;
    },
    async start(...flags) {
      const child = await spawn({
        argv: [process.execPath, SUPERVISE, `${path}/p.yml`, ...flags],
        env: {},
        stdout: 'pipe',
        stderr: 'pipe',
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', (data) => writeFileSync(`${path}/out`, data, { flag: 'a' }));
      }
      children.push(child);
      return child;
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.signalGroup('SIGKILL');
      await Promise.all(children.map(({ exited }) => exited));
      for (const [, pid] of seen('seen').matchAll(/^start (\d+)/gm)) {
        await until(`worker ${pid} gone`, () => findProcess(Number(pid)) === undefined); // its channel closed
      }
      folder[Symbol.dispose]();
    },
  };
}
