import { CirrusCIService, type CommandResult, Status } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { MethodHandler } from '../../rpc/server.ts';
import type { StatusName } from '../model.ts';
import { saveSummary } from '../store/agent-reports.ts';
import type { InstructionUpdate } from '../store/instructions.ts';
import { attemptViews, utilizationView } from './agent-report-values.ts';
import { type Authenticator, agentMethod } from './authenticate.ts';
import type { Commands } from './initial-commands.ts';
import type { ReportDeps } from './report-service.ts';

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

/** The unary methods that agents call (wire protocol, section 3.2). */
export function agentService(commands: Commands, deps: ReportDeps, auth: Authenticator): MethodHandler[] {
  const { store, life, clock } = deps;
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
    agentMethod(auth, methods.reportAgentFinished, async ({ id }, request) => {
      const { commandResults, cacheRetrievalAttempts, resourceUtilization } = request;
      const utilization = resourceUtilization === undefined ? null : utilizationView(resourceUtilization);
      await store.write((sql) =>
        saveSummary(sql, id, attemptViews(cacheRetrievalAttempts), utilization, clock.wallMs()),
      );
      await life.finished(id, commandResults.filter(known).map(toUpdate));
      return {};
    }),
  ];
}
