import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { listProcesses } from '../../platform/process-table.ts';
import { sendSignal, spawn } from '../../platform/processes.ts';
import { programRunner } from '../../platform/run-program.ts';
import type { WorkerPlan } from '../worker-plan.ts';
import { type AuditPorts, auditAfterTask, takeSnapshot } from './audit.ts';
import { type AuditorDeps, TaskAuditor } from './auditor.ts';
import type { AuditResult } from './facts.ts';

export interface AuditorParts {
  readonly plan: Pick<WorkerPlan, 'user' | 'cwd' | 'switchTo' | 'killWholeUser'>;
  readonly config: { readonly worker: { readonly mode: 'builtin' | 'command' } };
  readonly clock: Clock;
  readonly log: Logger;
  readonly dryRun: boolean;
}

function portsOf({ plan, config, clock }: AuditorParts): AuditPorts {
  const { user, cwd, switchTo, killWholeUser } = plan;
  const account = switchTo === undefined ? {} : { user: switchTo };
  const env = { PATH: '/usr/bin:/bin', LANG: 'C' };
  return {
    platform: process.platform,
    user,
    clock,
    processes: { ownPid: process.pid, list: listProcesses, signal: (pid, name) => void sendSignal(pid, name) },
    run: programRunner(clock),
    runAsUser: programRunner(clock, (argv) => spawn({ argv, env, cwd: '/', ...account })),
    folder: cwd,
    // the built-in worker starts all of its tasks itself; with any other, what is of no known task is left alone
    dedicated: killWholeUser && config.worker.mode === 'builtin',
    except: [],
  };
}

/** The auditor of this machine; hand it every report of running tasks. Undefined in a dry run, which undoes nothing. */
export function startAuditor(
  parts: AuditorParts,
  worker: { readonly process: { readonly pid: number } | undefined },
  audited: (result: AuditResult) => void,
  signal: AbortSignal,
): TaskAuditor | undefined {
  if (parts.dryRun) return undefined;
  const ports = portsOf(parts);
  const { clock, log } = parts;
  const deps: AuditorDeps = {
    snapshot: (task, inner) => takeSnapshot(ports, task, inner),
    audit: (before, task, inner) => auditAfterTask(before, task, ports, inner),
    workerPid: () => worker.process?.pid,
    audited: (_taskId, result) => audited(result),
    clock,
    log,
  };
  return new TaskAuditor(deps, signal);
}
