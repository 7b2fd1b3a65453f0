import { createHubRequests } from '../../src/cli/hub-cli/hub-request.ts';
import { createHubClient } from '../../src/cli/submit/hub-client.ts';
import { Secret } from '../../src/lib/secret.ts';
import { tarEnd } from '../../src/lib/tar-writer.ts';
import { connect, type RpcClient } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import {
  CirrusCIService,
  CirrusWorkersService,
  type PollResponse_AgentAwareTask,
  Status,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../../src/rpc/metadata.ts';

const workers = CirrusWorkersService.method;
const agents = CirrusCIService.method;

/** Where a hub is, and what it wants to be shown. */
export interface HubAddress {
  readonly http: string;
  readonly grpc: string;
  readonly registrationToken: string;
  readonly adminToken: string;
}

/** Submits builds of a configuration, all from one empty work tree. */
export async function submitter({ http, adminToken }: HubAddress, signal: AbortSignal) {
  const client = createHubClient(createHubRequests(http, new Secret(adminToken)));
  const emptyTar = async function* () {
    yield tarEnd();
  };
  const tree = await client.upload(emptyTar(), signal);
  return async (text: string) => {
    const config = { path: '.cirrus.yml', text };
    const outcome = await client.order({ tree, branch: 'main', message: 'load', config, environment: {} }, signal);
    if (outcome.kind === 'refused') throw new Error(`refused: ${JSON.stringify(outcome.problems)}`);
    return outcome.build;
  };
}

/** A worker as the hub sees one, without anything behind it. */
export class LoadWorker {
  readonly client: RpcClient;
  #session = '';

  constructor(
    private readonly hub: HubAddress,
    readonly name: string,
    private readonly resources: Readonly<Record<string, number>>,
    /** A connection that several workers share. */
    client?: RpcClient,
  ) {
    this.client = client ?? connect(parseEndpoint(hub.grpc), []);
  }

  get #info() {
    return { labels: { name: this.name, 'instance-id': `i-${this.name}` }, resourcesTotal: { ...this.resources } };
  }

  get #headers(): Headers {
    return { [HEADER.sessionToken]: this.#session, [HEADER.workerName]: this.name };
  }

  async register(signal: AbortSignal): Promise<void> {
    const request = { registrationToken: this.hub.registrationToken, workerInfo: this.#info };
    const call = { headers: {}, timeoutMs: 10_000 };
    this.#session = (await this.client.unary(workers.register, request, call, signal)).sessionToken;
  }

  poll(runningTasks: readonly string[], signal: AbortSignal) {
    const request = { workerInfo: this.#info, runningTasks: [...runningTasks], resourcesInUse: {} };
    return this.client.unary(workers.poll, request, { headers: this.#headers, timeoutMs: 30_000 }, signal);
  }

  #about(task: PollResponse_AgentAwareTask) {
    const headers = { ...this.#headers, [HEADER.taskId]: task.taskId, [HEADER.clientSecret]: task.clientSecret };
    return { headers, timeoutMs: 10_000 };
  }

  async started(task: PollResponse_AgentAwareTask, signal: AbortSignal): Promise<void> {
    await this.client.unary(workers.taskStarted, {}, this.#about(task), signal);
  }

  async stopped(task: PollResponse_AgentAwareTask, signal: AbortSignal): Promise<void> {
    await this.client.unary(workers.taskStopped, {}, this.#about(task), signal);
  }

  /** Streams `pieces` into the log of an instruction, as its agent. Resolves with how many bytes are stored for good. */
  async stream(
    task: PollResponse_AgentAwareTask,
    instruction: string,
    offset: number,
    pieces: Iterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<number> {
    const headers = { [HEADER.taskId]: task.taskId, [HEADER.clientSecret]: task.clientSecret };
    const upload = this.client.upload(agents.streamLogs, headers, signal);
    await upload.write({ value: { case: 'key', value: { commandName: instruction, offset: BigInt(offset) } } });
    for (const data of pieces) await upload.write({ value: { case: 'chunk', value: { data } } });
    return Number((await upload.finish()).bytesLogged);
  }

  /** The agent's final report: all instructions went well. */
  async finished(task: PollResponse_AgentAwareTask, instructions: readonly string[], signal: AbortSignal) {
    const headers = { [HEADER.taskId]: task.taskId, [HEADER.clientSecret]: task.clientSecret };
    const commandResults = instructions.map((name) => ({ name, status: Status.COMPLETED, durationInNanos: 1n }));
    await this.client.unary(agents.reportAgentFinished, { commandResults }, { headers, timeoutMs: 10_000 }, signal);
  }

  close(): void {
    this.client.close();
  }
}
