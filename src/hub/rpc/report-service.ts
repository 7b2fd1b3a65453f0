import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { CirrusCIService } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { MethodHandler } from '../../rpc/server.ts';
import type { AgentNoteView } from '../agent-report-model.ts';
import type { Changes } from '../changes.ts';
import { addAnnotations, addNote, saveAgentLog } from '../store/agent-reports.ts';
import type { Database } from '../store/database.ts';
import type { TaskRecord } from '../store/tasks.ts';
import type { TaskLife } from '../task-life.ts';
import { annotationView } from './agent-report-values.ts';
import { type Authenticator, agentMethod } from './authenticate.ts';

/** Of an agent's own log, which may be long, this much of its end is kept. */
const AGENT_LOG_BYTES = 256 * 1024;
const MAX_MESSAGE = 8 * 1024;
const MAX_ANNOTATIONS_A_CALL = 10_000;

export interface ReportDeps {
  readonly store: Database;
  readonly life: TaskLife;
  readonly changes: Changes;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
}

const bounded = (text: string) => text.slice(0, MAX_MESSAGE).replaceAll('\0', '\uFFFD');

class Notes {
  constructor(private readonly deps: ReportDeps) {}

  async add(
    task: TaskRecord,
    kind: AgentNoteView['kind'],
    message: string,
    detail = '',
  ): Promise<Record<string, never>> {
    const { store, changes, clock } = this.deps;
    const note = { kind, message: bounded(message), detail: bounded(detail) };
    await store.write((sql) => addNote(sql, task.id, note, clock.wallMs()));
    changes.notify(task.buildId);
    return {};
  }
}

function terminalMethods(notes: Notes, auth: Authenticator): MethodHandler[] {
  const methods = CirrusCIService.method;
  return [
    // the locator and its secret open a shell on the machine: this hub has no terminal server and keeps neither
    agentMethod(auth, methods.reportTerminalAttached, async (task) =>
      notes.add(task, 'terminal-attached', 'the agent offers a terminal'),
    ),
    agentMethod(auth, methods.reportTerminalLifecycle, async (task, { lifecycle }) => {
      if (lifecycle.case === 'started') return notes.add(task, 'terminal-started', 'the terminal has started');
      if (lifecycle.case === 'expiring') return notes.add(task, 'terminal-expiring', 'the terminal is about to end');
      throw new RpcError('INVALID_ARGUMENT', 'neither started nor expiring');
    }),
  ];
}

/** What agents report beside the progress of their instructions (wire protocol, section 3.2). */
export function reportService(deps: ReportDeps, auth: Authenticator): MethodHandler[] {
  const methods = CirrusCIService.method;
  const { store, life, changes, log } = deps;
  const notes = new Notes(deps);
  const about = ({ id, workerName }: TaskRecord) => ({ taskId: String(id), workerName });
  return [
    agentMethod(auth, methods.reportAgentError, async (task, { message, stack }) => {
      log.error('agent reports an error', {
        ...about(task),
        message: bounded(message),
        stack: bounded(stack) || undefined,
      });
      await life.problem(task.id, bounded(message));
      return notes.add(task, 'error', message, stack);
    }),
    agentMethod(auth, methods.reportAgentWarning, async (task, { message, stack }) => {
      log.warn('agent reports a warning', { ...about(task), message: bounded(message) });
      return notes.add(task, 'warning', message, stack);
    }),
    agentMethod(auth, methods.reportAgentSignal, async (task, { signal }) => {
      log.info('agent got a signal', { ...about(task), signal: bounded(signal) });
      return notes.add(task, 'signal', signal);
    }),
    agentMethod(auth, methods.reportStopHook, async (task) => notes.add(task, 'stop-hook', 'the machine was stopped')),
    agentMethod(auth, methods.reportAgentLogs, async (task, { logs }) => {
      const end = Buffer.from(logs).subarray(-AGENT_LOG_BYTES);
      await store.write((sql) => saveAgentLog(sql, task.id, end));
      return {};
    }),
    agentMethod(auth, methods.reportAnnotations, async (task, { annotations }) => {
      if (annotations.length > MAX_ANNOTATIONS_A_CALL) throw new RpcError('INVALID_ARGUMENT', 'too many annotations');
      await store.write((sql) => addAnnotations(sql, task.id, annotations.map(annotationView)));
      changes.notify(task.buildId);
      return {};
    }),
    ...terminalMethods(notes, auth),
  ];
}
