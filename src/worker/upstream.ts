import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Amounts } from '../lib/amounts.ts';
import type { Secret } from '../lib/secret.ts';
import type { RpcClient } from '../rpc/client.ts';
import { CirrusWorkersService, type PollResponse, type WorkerInfoSchema } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../rpc/metadata.ts';

const methods = CirrusWorkersService.method;

/** A hub holds a poll for 20 s at most; other servers answer at once. */
const POLL_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 15_000;

/** Who a task is, on the wire. */
export interface TaskKey {
  readonly id: string;
  readonly clientSecret: string;
}

/** One server of the protocol, with this worker's identity towards it. Every call rejects with an `RpcError`. */
export interface Upstream {
  register(signal: AbortSignal): Promise<void>;
  readonly registered: boolean;
  /** Forgets the session, so that the next round registers again. */
  forget(): void;
  poll(runningTasks: readonly string[], resourcesInUse: Amounts, signal: AbortSignal): Promise<PollResponse>;
  setDisabled(disabled: boolean, signal: AbortSignal): Promise<void>;
  taskStarted(task: TaskKey, signal: AbortSignal): Promise<void>;
  taskFailed(task: TaskKey, message: string, signal: AbortSignal): Promise<void>;
  taskStopped(task: TaskKey, signal: AbortSignal): Promise<void>;
}

interface UpstreamOptions {
  readonly client: RpcClient;
  readonly name: string;
  readonly token: Secret;
  readonly info: MessageInitShape<typeof WorkerInfoSchema>;
}

function isDecimal(id: string): boolean {
  return /^\d{1,18}$/.test(id);
}

/** Peers that read message bodies find the task there, as long as its id is a number. */
function identification({ id, clientSecret }: TaskKey): { taskId: bigint; secret: string } | undefined {
  return isDecimal(id) ? { taskId: BigInt(id), secret: clientSecret } : undefined;
}

export function createUpstream({ client, name, token, info }: UpstreamOptions): Upstream {
  const session: { token?: string } = {};
  const headers = (): Headers => ({ [HEADER.sessionToken]: session.token ?? '', [HEADER.workerName]: name });
  const taskCall = (task: TaskKey) => ({
    headers: { ...headers(), [HEADER.taskId]: task.id, [HEADER.clientSecret]: task.clientSecret },
    timeoutMs: CALL_TIMEOUT_MS,
  });
  return {
    get registered() {
      return session.token !== undefined;
    },
    forget: () => void delete session.token,
    async register(signal) {
      const request = { registrationToken: token.reveal(), workerInfo: info };
      const answer = await client.unary(methods.register, request, { headers: {}, timeoutMs: CALL_TIMEOUT_MS }, signal);
      if (answer.sessionToken !== '') session.token = answer.sessionToken;
    },
    poll: (runningTasks, resourcesInUse, signal) => {
      const oldRunningTasks = runningTasks.filter(isDecimal).map(BigInt);
      const request = { workerInfo: info, runningTasks: [...runningTasks], oldRunningTasks, resourcesInUse };
      return client.unary(methods.poll, request, { headers: headers(), timeoutMs: POLL_TIMEOUT_MS }, signal);
    },
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
