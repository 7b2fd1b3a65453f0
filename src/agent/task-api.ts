import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RpcClient, Upload } from '../rpc/client.ts';
import {
  type CacheRetrievalAttemptSchema,
  CirrusCIService,
  type CommandResultSchema,
  type CommandsResponse,
  type LogEntrySchema,
  type ResourceUtilizationSchema,
  type TaskIdentificationSchema,
  type UploadLogsResponseSchema,
} from '../rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER } from '../rpc/metadata.ts';

/** Who this agent is towards the server. */
export interface TaskIdentity {
  /** As given: servers derive addresses of their own from it (specification of the wire protocol, section 4). */
  readonly apiEndpoint: string;
  readonly taskId: string;
  /** The server must give this back with the commands. */
  readonly serverToken: string;
  readonly clientToken: string;
}

export type CommandUpdate = MessageInitShape<typeof CommandResultSchema>;
export type LogUpload = Upload<typeof LogEntrySchema, typeof UploadLogsResponseSchema>;

/** The last word of an agent about its task. */
export interface FinalReport {
  /** The whole history of updates. */
  readonly commandResults: readonly CommandUpdate[];
  /** By the key of the cache. */
  readonly cacheRetrievalAttempts?: Readonly<Record<string, MessageInitShape<typeof CacheRetrievalAttemptSchema>>>;
  readonly resourceUtilization?: MessageInitShape<typeof ResourceUtilizationSchema>;
}

/** The calls of an agent. Each rejects with an `RpcError`; none is repeated here. */
export interface TaskApi {
  /** `nowS` is the local time in seconds since the Unix epoch. */
  initialCommands(from: string, nowS: number, retry: boolean, signal: AbortSignal): Promise<CommandsResponse>;
  reportUpdates(updates: readonly CommandUpdate[], signal: AbortSignal): Promise<void>;
  reportError(message: string, stack: string, signal: AbortSignal): Promise<void>;
  reportWarning(message: string, signal: AbortSignal): Promise<void>;
  /** `name` as `signalText` gives it. */
  reportSignal(name: string, signal: AbortSignal): Promise<void>;
  /** The agent's own log. */
  reportLogs(logs: string, signal: AbortSignal): Promise<void>;
  /** The machine is being stopped. */
  reportStopHook(signal: AbortSignal): Promise<void>;
  reportFinished(report: FinalReport, signal: AbortSignal): Promise<void>;
  heartbeat(signal: AbortSignal): Promise<void>;
  /**
   * Opens the live log of a command, or (`saved`) its final copy, and names the command to the server. `offset`, for
   * servers that understand it, is where in the whole log the stream begins.
   */
  openLog(command: string, saved: boolean, offset: number | undefined, signal: AbortSignal): Promise<LogUpload>;
}

/** Limit of one unary call; a fact of the protocol (specification, 2.3). */
const CALL_TIMEOUT_MS = 60_000;

/** The deprecated message form of the identity: for ids that are signed 64-bit decimal numbers only. */
export function identificationOf(
  identity: TaskIdentity,
): MessageInitShape<typeof TaskIdentificationSchema> | undefined {
  if (!/^-?\d{1,19}$/.test(identity.taskId)) return undefined;
  const taskId = BigInt(identity.taskId);
  return BigInt.asIntN(64, taskId) === taskId ? { taskId, secret: identity.clientToken } : undefined;
}

/** What every call of an agent carries: headers and deadline, and the deprecated identification where there is one. */
export function taskCall(identity: TaskIdentity) {
  const headers = {
    [HEADER.taskId]: identity.taskId,
    [HEADER.clientSecret]: identity.clientToken,
    [HEADER.apiEndpoint]: identity.apiEndpoint,
  };
  const taskIdentification = identificationOf(identity);
  const named = taskIdentification === undefined ? {} : { taskIdentification };
  return { call: { headers, timeoutMs: CALL_TIMEOUT_MS }, named };
}

export function createTaskApi(client: RpcClient, identity: TaskIdentity): TaskApi {
  const { call, named } = taskCall(identity);
  const { method } = CirrusCIService;
  return {
    initialCommands(continueFromCommand, nowS, retry, signal) {
      const request = { ...named, localTimestamp: BigInt(Math.floor(nowS)), continueFromCommand, retry };
      return client.unary(method.initialCommands, request, call, signal);
    },
    async reportUpdates(updates, signal) {
      await client.unary(method.reportCommandUpdates, { ...named, updates: [...updates] }, call, signal);
    },
    async reportError(message, stack, signal) {
      await client.unary(method.reportAgentError, { ...named, message, stack }, call, signal);
    },
    async reportWarning(message, signal) {
      await client.unary(method.reportAgentWarning, { ...named, message }, call, signal);
    },
    async reportSignal(name, signal) {
      await client.unary(method.reportAgentSignal, { ...named, signal: name }, call, signal);
    },
    async reportLogs(logs, signal) {
      await client.unary(method.reportAgentLogs, { ...named, logs }, call, signal);
    },
    async reportStopHook(signal) {
      await client.unary(method.reportStopHook, named, call, signal);
    },
    async reportFinished({ commandResults, cacheRetrievalAttempts = {}, ...more }, signal) {
      const report = { ...more, commandResults: [...commandResults], cacheRetrievalAttempts };
      await client.unary(method.reportAgentFinished, { ...named, ...report }, call, signal);
    },
    async heartbeat(signal) {
      await client.unary(method.heartbeat, named, call, signal);
    },
    async openLog(commandName, saved, offset, signal) {
      const upload = client.upload(saved ? method.saveLogs : method.streamLogs, call.headers, signal);
      const begins = offset === undefined ? {} : { offset: BigInt(offset) };
      await upload.write({ value: { case: 'key', value: { ...named, commandName, raw: saved, ...begins } } });
      return upload;
    },
  };
}
