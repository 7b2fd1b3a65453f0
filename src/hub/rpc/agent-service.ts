import type { Logger } from '../../lib/log.ts';
import { CirrusCIService, type CommandResult, Status } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { MethodHandler } from '../../rpc/server.ts';
import type { StatusName } from '../model.ts';
import type { InstructionUpdate } from '../store/instructions.ts';
import type { TaskRecord } from '../store/tasks.ts';
import type { TaskLife } from '../task-life.ts';
import { type Authenticator, agentMethod } from './authenticate.ts';
import type { Commands } from './initial-commands.ts';

/** Of an agent's own log, which may be long, this much of its end goes to the hub's log. */
const AGENT_LOG_CHARACTERS = 4_096;

function toUpdate(result: CommandResult): InstructionUpdate {
  const { name, status, exitCode, durationInNanos, signaledToExit } = result;
  const ended = status === Status.COMPLETED || status === Status.FAILED;
  return {
    name,
    status: Status[status] as StatusName,
    exitCode: exitCode ?? null,
    durationMs: ended ? Math.round(Number(durationInNanos) / 1_000_000) : null,
    killed: signaledToExit,
  };
}

const known = (result: CommandResult) => Status[result.status] !== undefined;

function reports(life: TaskLife, auth: Authenticator, log: Logger): MethodHandler[] {
  const methods = CirrusCIService.method;
  const about = ({ id, workerName }: TaskRecord) => ({ taskId: String(id), workerName });
  return [
    agentMethod(auth, methods.reportAgentError, async (task, { message, stack }) => {
      log.error('agent reports an error', { ...about(task), message, stack: stack || undefined });
      await life.problem(task.id, message);
      return {};
    }),
    agentMethod(auth, methods.reportAgentWarning, async (task, { message }) => {
      log.warn('agent reports a warning', { ...about(task), message });
      return {};
    }),
    agentMethod(auth, methods.reportAgentSignal, async (task, { signal }) => {
      log.info('agent got a signal', { ...about(task), signal });
      return {};
    }),
    agentMethod(auth, methods.reportAgentLogs, async (task, { logs }) => {
      log.debug('log of an agent', { ...about(task), tail: logs.slice(-AGENT_LOG_CHARACTERS) });
      return {};
    }),
  ];
}

/** The unary methods that agents call (wire protocol, section 3.2). */
export function agentService(commands: Commands, life: TaskLife, auth: Authenticator, log: Logger): MethodHandler[] {
  const methods = CirrusCIService.method;
  return [
    agentMethod(auth, methods.initialCommands, async ({ id }) => {
      await life.started(id); // its worker's own word may still be under way
      return commands.forTask(id);
    }),
    agentMethod(auth, methods.reportCommandUpdates, async ({ id }, { updates }) => {
      await life.updated(id, updates.filter(known).map(toUpdate));
      return {};
    }),
    agentMethod(auth, methods.heartbeat, async () => ({})),
    agentMethod(auth, methods.reportAgentFinished, async ({ id }, { commandResults }) => {
      await life.finished(id, commandResults.filter(known).map(toUpdate));
      return {};
    }),
    ...reports(life, auth, log),
  ];
}
