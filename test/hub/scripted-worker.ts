import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RpcClient } from '../../src/rpc/client.ts';
import {
  CirrusCIService,
  CirrusWorkersService,
  type CommandResultSchema,
  type CommandsResponse,
  type PollResponse,
  type PollResponse_AgentAwareTask,
  Status,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../../src/rpc/metadata.ts';
import { type HubUnderTest, POOL_TOKEN } from './heart-harness.ts';

const workers = CirrusWorkersService.method;
const agents = CirrusCIService.method;

/** A worker that does what a test says, over the real wire. */
export class ScriptedWorker {
  sessionToken = '';

  constructor(
    readonly client: RpcClient,
    readonly name: string,
    readonly labels: Record<string, string> = {},
    readonly resources: Record<string, number> = {},
  ) {}

  /** Connects and registers. */
  static async join(
    hub: HubUnderTest,
    name = 'mac-1',
    labels: Record<string, string> = {},
    resources: Record<string, number> = {},
  ): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(hub.client(), name, labels, resources);
    await worker.register();
    return worker;
  }

  #call(headers: Headers = {}) {
    return { headers, timeoutMs: 60_000 };
  }

  get headers(): Headers {
    return {
      [HEADER.registrationToken]: POOL_TOKEN,
      [HEADER.sessionToken]: this.sessionToken,
      [HEADER.workerName]: this.name,
    };
  }

  get info() {
    return {
      labels: { 'instance-id': `i-${this.name}`, name: this.name, ...this.labels },
      resourcesTotal: this.resources,
    };
  }

  async register(registrationToken = POOL_TOKEN): Promise<void> {
    const request = { registrationToken, workerInfo: this.info };
    const answer = await this.client.unary(workers.register, request, this.#call(), AbortSignal.timeout(10_000));
    this.sessionToken = answer.sessionToken;
  }

  poll(
    runningTasks: string[] = [],
    resourcesInUse: Record<string, number> = {},
    signal: AbortSignal = AbortSignal.timeout(30_000),
  ): Promise<PollResponse> {
    const request = { workerInfo: this.info, runningTasks, resourcesInUse };
    return this.client.unary(workers.poll, request, this.#call(this.headers), signal);
  }

  /** Polls until a task comes. */
  async take(runningTasks: string[] = []): Promise<PollResponse_AgentAwareTask> {
    const { tasksToStart } = await this.poll(runningTasks);
    const [task] = tasksToStart;
    if (task === undefined) throw new Error('the poll brought no task');
    return task;
  }

  #about(task: PollResponse_AgentAwareTask): Headers {
    return { ...this.headers, [HEADER.taskId]: task.taskId, [HEADER.clientSecret]: task.clientSecret };
  }

  async started(task: PollResponse_AgentAwareTask): Promise<void> {
    await this.client.unary(workers.taskStarted, {}, this.#call(this.#about(task)), AbortSignal.timeout(10_000));
  }

  async stopped(task: PollResponse_AgentAwareTask): Promise<void> {
    await this.client.unary(workers.taskStopped, {}, this.#call(this.#about(task)), AbortSignal.timeout(10_000));
  }

  async failed(task: PollResponse_AgentAwareTask, message: string): Promise<void> {
    await this.client.unary(
      workers.taskFailed,
      { message },
      this.#call(this.#about(task)),
      AbortSignal.timeout(10_000),
    );
  }

  agent(task: PollResponse_AgentAwareTask): ScriptedAgent {
    return new ScriptedAgent(this.client, task);
  }

  /** Runs a task to its end with these instruction results. */
  async run(task: PollResponse_AgentAwareTask, ...results: Result[]): Promise<void> {
    await this.started(task);
    const agent = this.agent(task);
    await agent.commands();
    await agent.finished(...results);
    await this.stopped(task);
  }
}

type Result = MessageInitShape<typeof CommandResultSchema>;

export const completed = (name = 'main'): Result => ({
  name,
  status: Status.COMPLETED,
  durationInNanos: 2_500_000n,
  exitCode: 0,
});
export const failed = (name = 'main', exitCode = 1): Result => ({ name, status: Status.FAILED, exitCode });
export const executing = (name = 'main'): Result => ({ name, status: Status.EXECUTING });

/** An agent that does what a test says. */
export class ScriptedAgent {
  constructor(
    readonly client: RpcClient,
    readonly task: Pick<PollResponse_AgentAwareTask, 'taskId' | 'clientSecret'>,
  ) {}

  get headers(): Headers {
    return {
      [HEADER.taskId]: this.task.taskId,
      [HEADER.clientSecret]: this.task.clientSecret,
      [HEADER.apiEndpoint]: 'http://127.0.0.1:1',
    };
  }

  get call() {
    return { headers: this.headers, timeoutMs: 60_000 };
  }

  commands(): Promise<CommandsResponse> {
    return this.client.unary(agents.initialCommands, {}, this.call, AbortSignal.timeout(10_000));
  }

  async updates(...updates: Result[]): Promise<void> {
    await this.client.unary(agents.reportCommandUpdates, { updates }, this.call, AbortSignal.timeout(10_000));
  }

  async finished(...commandResults: Result[]): Promise<void> {
    await this.client.unary(agents.reportAgentFinished, { commandResults }, this.call, AbortSignal.timeout(10_000));
  }

  async #upload(
    method: typeof agents.streamLogs | typeof agents.saveLogs,
    commandName: string,
    pieces: string[],
    begins: { offset?: bigint } = {},
  ) {
    const upload = this.client.upload(method, this.headers, AbortSignal.timeout(10_000));
    await upload.write({ value: { case: 'key', value: { commandName, raw: method === agents.saveLogs, ...begins } } });
    for (const piece of pieces) {
      await upload.write({ value: { case: 'chunk', value: { data: new TextEncoder().encode(piece) } } });
    }
    return Number((await upload.finish()).bytesLogged);
  }

  stream(commandName: string, ...pieces: string[]): Promise<number> {
    return this.#upload(agents.streamLogs, commandName, pieces);
  }

  /** A stream that says where in the whole log it begins. */
  streamFrom(offset: number, commandName: string, ...pieces: string[]): Promise<number> {
    return this.#upload(agents.streamLogs, commandName, pieces, { offset: BigInt(offset) });
  }

  save(commandName: string, ...pieces: string[]): Promise<number> {
    return this.#upload(agents.saveLogs, commandName, pieces);
  }
}
