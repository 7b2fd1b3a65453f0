import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Amounts } from '../lib/amounts.ts';
import type { Secret } from '../lib/secret.ts';
import type { RpcClient } from '../rpc/client.ts';
import {
  CirrusWorkersService,
  type PollResponse,
  type StandbyInstanceInformationSchema,
  type WorkerInfoSchema,
} from '../rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../rpc/metadata.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { identification, oldIdOf, type TaskKey } from './task-identity.ts';

const methods = CirrusWorkersService.method;

/** A hub holds a poll for 20 s at most; other servers answer at once. */
const POLL_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 15_000;

/** What a header holds; servers give some dozens of characters. */
const SESSION_TOKEN = /^[\x21-\x7e]{1,4096}$/;

/** What a poll tells of the worker. */
export interface PollState {
  /** Ids of tasks of this upstream. */
  readonly running: readonly string[];
  /** Over all upstreams. */
  readonly resourcesInUse: Amounts;
  readonly standby: readonly MessageInitShape<typeof StandbyInstanceInformationSchema>[];
}

/** One server of the protocol, with this worker's identity towards it. Every call has a deadline and rejects with an `RpcError`. */
export interface Upstream {
  register(signal: AbortSignal): Promise<void>;
  readonly registered: boolean;
  /** Rises with each registration. */
  readonly session: number;
  /** Forgets the session, so that the next round registers again. */
  forget(): void;
  poll(state: PollState, signal: AbortSignal): Promise<PollResponse>;
  setDisabled(disabled: boolean, signal: AbortSignal): Promise<void>;
  taskStarted(task: TaskKey, signal: AbortSignal): Promise<void>;
  taskFailed(task: TaskKey, message: string, signal: AbortSignal): Promise<void>;
  taskStopped(task: TaskKey, signal: AbortSignal): Promise<void>;
}

export interface UpstreamOptions {
  readonly client: RpcClient;
  readonly name: string;
  readonly token: Secret;
  readonly info: MessageInitShape<typeof WorkerInfoSchema>;
}

function pollRequest(info: UpstreamOptions['info'], { running, resourcesInUse, standby }: PollState) {
  return {
    workerInfo: info,
    runningTasks: [...running],
    oldRunningTasks: running.flatMap((id) => oldIdOf(id) ?? []),
    resourcesInUse: { ...resourcesInUse },
    availableStandbyInstancesInformation: [...standby],
  };
}

export function createUpstream({ client, name, token, info }: UpstreamOptions): Upstream {
  const held: { token?: string; session: number } = { session: 0 };
  const headers = (): Headers => ({ [HEADER.sessionToken]: held.token ?? '', [HEADER.workerName]: name });
  const taskCall = (task: TaskKey) => ({
    headers: { ...headers(), [HEADER.taskId]: task.id, [HEADER.clientSecret]: task.clientSecret },
    timeoutMs: CALL_TIMEOUT_MS,
  });
  return {
    get registered() {
      return held.token !== undefined;
    },
    get session() {
      return held.session;
    },
    forget: () => void delete held.token,
    async register(signal) {
      const request = { registrationToken: token.reveal(), workerInfo: info };
      const call = { headers: {}, timeoutMs: CALL_TIMEOUT_MS };
      const { sessionToken } = await client.unary(methods.register, request, call, signal);
      if (!SESSION_TOKEN.test(sessionToken))
        throw new RpcError(
          'INTERNAL',
          'the server registered this worker without a session token that can be sent back',
        );
      held.token = sessionToken;
      held.session += 1;
    },
    poll: (state, signal) =>
      client.unary(methods.poll, pollRequest(info, state), { headers: headers(), timeoutMs: POLL_TIMEOUT_MS }, signal),
    async setDisabled(disabled, signal) {
      const own = { ...headers(), [HEADER.registrationToken]: token.reveal() };
      await client.unary(methods.updateStatus, { disabled }, { headers: own, timeoutMs: CALL_TIMEOUT_MS }, signal);
    },
    async taskStarted(task, signal) {
      await client.unary(methods.taskStarted, identification(task) ?? {}, taskCall(task), signal);
    },
    async taskFailed(task, message, signal) {
      const taskIdentification = identification(task);
      const request = { message, ...(taskIdentification === undefined ? {} : { taskIdentification }) };
      await client.unary(methods.taskFailed, request, taskCall(task), signal);
    },
    async taskStopped(task, signal) {
      await client.unary(methods.taskStopped, identification(task) ?? {}, taskCall(task), signal);
    },
  };
}
