import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { listProcesses } from '../../platform/process-table.ts';
import { sendSignal, spawn } from '../../platform/processes.ts';
import { programRunner } from '../../platform/run-program.ts';
import type { WorkerPlan } from '../worker-plan.ts';
import { type AuditPorts, auditAfterTask, takeSnapshot } from './audit.ts';
import { type AuditorDeps, TaskAuditor } from './auditor.ts';

export interface AuditorParts extends Pick<AuditorDeps, 'workerPid' | 'audited'> {
  readonly plan: Pick<WorkerPlan, 'user' | 'cwd' | 'switchTo' | 'killWholeUser'>;
  /** The built-in worker starts all of its tasks itself; with any other, what is of no known task is left alone. */
  readonly builtin: boolean;
  readonly platform: string;
  readonly clock: Clock;
  readonly log: Logger;
}

function portsOf({ plan, builtin, platform, clock }: AuditorParts): AuditPorts {
  const { user, cwd, switchTo, killWholeUser } = plan;
  const account = switchTo === undefined ? {} : { user: switchTo };
  const env = { PATH: '/usr/bin:/bin', LANG: 'C' };
  return {
    platform,
    user,
    clock,
    processes: { ownPid: process.pid, list: listProcesses, signal: (pid, name) => void sendSignal(pid, name) },
    run: programRunner(clock),
    runAsUser: programRunner(clock, (argv) => spawn({ argv, env, cwd: '/', ...account })),
    folder: cwd,
    dedicated: killWholeUser && builtin,
    except: [],
  };
}

/** The auditor of this machine; hand it every report of the worker's running tasks. Not for dry runs: it undoes. */
export function startAuditor(parts: AuditorParts, signal: AbortSignal): TaskAuditor {
  const ports = portsOf(parts);
  const { workerPid, audited, clock, log } = parts;
  return new TaskAuditor(
    {
      snapshot: (task, inner) => takeSnapshot(ports, task, inner),
      audit: (before, task, inner) => auditAfterTask(before, task, ports, inner),
      workerPid,
      audited,
      clock,
      log,
    },
    signal,
  );
}
