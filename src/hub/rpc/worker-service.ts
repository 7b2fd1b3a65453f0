import { CirrusWorkersService } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../../rpc/metadata.ts';
import { type MethodHandler, unaryHandler } from '../../rpc/server.ts';
import type { Registration } from '../registration.ts';
import type { TaskLife } from '../task-life.ts';
import type { WorkerDesk } from '../worker-desk.ts';
import { checkWorkerInfo } from '../worker-info.ts';
import { type Authenticator, namedWorkerMethod, workerMethod, workerTaskMethod } from './authenticate.ts';

/** Workers that are told no interval poll every ten seconds; with held polls, the shortest costs nothing. */
const POLL_INTERVAL_SECONDS = 1;

const decimal = (ids: readonly string[]) => ids.filter((id) => /^\d{1,18}$/.test(id)).map(BigInt);

/** The service that workers call (wire protocol, section 3.1). */
export function workerService(
  registration: Registration,
  desk: WorkerDesk,
  life: TaskLife,
  auth: Authenticator,
): MethodHandler[] {
  const methods = CirrusWorkersService.method;
  return [
    unaryHandler(methods.register, async (request, { peer }) => ({
      sessionToken: await registration.register(request, peer),
    })),
    workerMethod(auth, methods.poll, async ({ member, session }, request, { signal, headers }) => {
      checkWorkerInfo(request.workerInfo);
      await registration.calls(member, headers[HEADER.workerName] ?? '');
      const { start, stop } = await desk.poll(member, session, request, signal);
      if (member.record.ephemeral && start.length > 0) await desk.setDisabled(member, true, 'worker'); // that was its one
      return {
        shutdown: start.length === 0 && (await registration.forgetIfDone(member)),
        tasksToStart: [...start],
        tasksToStop: [...stop],
        oldTaskIdsToStop: decimal(stop),
        pollIntervalInSeconds: POLL_INTERVAL_SECONDS,
      };
    }),
    workerTaskMethod(
      auth,
      methods.taskStarted,
      (body) => body,
      async ({ id }) => {
        await life.started(id);
        return {};
      },
    ),
    workerTaskMethod(
      auth,
      methods.taskFailed,
      ({ taskIdentification }) => taskIdentification,
      async ({ id }, { message }) => {
        await life.failed(id, message);
        return {};
      },
    ),
    workerTaskMethod(
      auth,
      methods.taskStopped,
      (body) => body,
      async ({ id }) => {
        await life.stopped(id);
        return {};
      },
    ),
    namedWorkerMethod(auth, methods.updateStatus, async (member, { disabled }, { headers }) => {
      await desk.setDisabled(member, disabled, (headers[HEADER.sessionToken] ?? '') === '' ? 'people' : 'worker');
      return { disabled };
    }),
    namedWorkerMethod(auth, methods.queryRunningTasks, async (member) => {
      const runningTasks = await desk.runningTasks(member);
      return {
        status: { disabled: member.record.disabled || member.record.draining },
        runningTasks,
        oldRunningTasks: decimal(runningTasks),
      };
    }),
  ];
}
