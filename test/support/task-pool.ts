import { create } from '@bufbuild/protobuf';
import {
  CirrusCIService,
  CirrusWorkersService,
  CommandSchema,
  type LogEntry,
  type PollRequest,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../../src/rpc/metadata.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import {
  type MethodHandler,
  type RpcServer,
  startRpcServer,
  unaryHandler,
  uploadHandler,
} from '../../src/rpc/server.ts';

/** What was said about one task, and what the pool made of it. */
export interface PooledTask {
  readonly id: string;
  readonly script: string;
  session: number;
  readonly events: string[];
  /** How often it was found lost: a new session whose first poll does not name it. */
  lost: number;
  /** Polls that named it after its end: one or two may have been on their way. */
  named: number;
}

const MAX_NAMED = 5;

/**
 * A control plane for one worker with as many slots as given: hands out tasks of one script each, as fast as they end, and
 * keeps account of how each of them ended.
 */
export class TaskPool {
  readonly tasks = new Map<string, PooledTask>();
  /** Anything that no well-behaved worker does. */
  readonly complaints: string[] = [];
  registrations = 0;
  polls = 0;
  #open = new Map<string, PooledTask>();
  #waiting: PooledTask[] = [];
  #reconciled = 0;
  #disabled = false;
  #server: RpcServer | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(private readonly slots: number) {}

  get endpoint(): string {
    return `http://127.0.0.1:${this.#server?.port}`;
  }

  async start(): Promise<this> {
    const onBug = (method: string, error: unknown) => this.complaints.push(`${method}: ${error}`);
    this.#server = await startRpcServer({ listen: '127.0.0.1:0', handlers: this.#handlers(), onBug });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tell();
    await this.#server?.stop(AbortSignal.abort());
  }

  add(...scripts: readonly string[]): void {
    for (const script of scripts) {
      const id = `${this.tasks.size + 1}`;
      const task = { id, script, session: 0, events: [], lost: 0, named: 0 };
      this.tasks.set(id, task);
      this.#waiting.push(task);
    }
    this.#tell();
  }

  /** Tasks that were handed out and are not over, and those that wait. */
  get left(): { open: number; waiting: number } {
    return { open: this.#open.size, waiting: this.#waiting.length };
  }

  /** Takes back what has not been handed out yet. */
  stopHandingOut(): void {
    for (const { id } of this.#waiting.splice(0)) this.tasks.delete(id);
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #session(headers: Headers): number {
    const session = Number(headers[HEADER.sessionToken]);
    if (session !== this.registrations) throw new RpcError('PERMISSION_DENIED', 'that session is over');
    return session;
  }

  #reconcile(session: number, { runningTasks }: PollRequest): void {
    for (const id of runningTasks) {
      const task = this.tasks.get(id);
      if (task === undefined) this.complaints.push(`a poll names task ${id}, which was never given`);
      else if (!this.#open.has(id)) task.named += 1;
      if (task?.named === MAX_NAMED) this.complaints.push(`polls go on naming task ${id}, which is over`);
    }
    if (this.#reconciled === session) return;
    this.#reconciled = session;
    for (const task of this.#open.values()) {
      if (runningTasks.includes(task.id)) continue;
      task.lost += 1;
      this.#open.delete(task.id);
    }
  }

  async #poll(request: PollRequest, headers: Headers, signal: AbortSignal) {
    const session = this.#session(headers);
    this.polls += 1;
    this.#reconcile(session, request);
    const hold = setTimeout(() => this.#tell(), 1_000);
    const full = () => this.#disabled || this.#open.size >= this.slots || this.#waiting.length === 0;
    if (full() && !signal.aborted) await this.#changed.promise;
    clearTimeout(hold);
    this.#session(headers);
    const given =
      signal.aborted || this.#disabled ? [] : this.#waiting.splice(0, Math.max(0, this.slots - this.#open.size));
    for (const task of given) {
      task.session = session;
      this.#open.set(task.id, task);
    }
    const tasksToStart = given.map(({ id }) => ({
      ...{ taskId: id, clientSecret: `client-${id}`, serverSecret: 'server', resourcesToUse: { slots: 1 } },
    }));
    return { tasksToStart, pollIntervalInSeconds: 1 };
  }

  #said(what: string, headers: Headers): Record<string, never> {
    const session = this.#session(headers);
    const task = this.tasks.get(headers[HEADER.taskId] ?? '');
    if (task === undefined) throw new RpcError('NOT_FOUND', 'no such task');
    if (task.lost > 0 || task.session > session) throw new RpcError('NOT_FOUND', 'this task is lost');
    if (task.events.includes(what)) this.complaints.push(`${what} of task ${task.id} came twice`);
    task.events.push(what);
    if (what === 'stopped') {
      this.#open.delete(task.id);
      this.#tell();
    }
    return {};
  }

  #commands(headers: Headers) {
    const task = this.tasks.get(headers[HEADER.taskId] ?? '');
    const instruction = { case: 'scriptInstruction' as const, value: { scripts: [task?.script ?? 'false'] } };
    return {
      serverToken: 'server',
      timeoutInSeconds: 600n,
      commands: [create(CommandSchema, { name: 'main', instruction })],
    };
  }

  async #drain(messages: AsyncIterable<LogEntry>): Promise<{ bytesLogged: bigint }> {
    let bytes = 0;
    try {
      for await (const { value } of messages) if (value.case === 'chunk') bytes += value.value.data.length;
    } catch (error) {
      throw new RpcError('CANCELLED', 'the stream broke', { cause: error });
    }
    return { bytesLogged: BigInt(bytes) };
  }

  #handlers(): MethodHandler[] {
    const worker = CirrusWorkersService.method;
    const agent = CirrusCIService.method;
    return [
      unaryHandler(worker.register, async () => {
        this.registrations += 1;
        this.#disabled = false;
        return { sessionToken: `${this.registrations}` };
      }),
      unaryHandler(worker.poll, (request, { headers, signal }) => this.#poll(request, headers, signal)),
      unaryHandler(worker.taskStarted, async (_request, { headers }) => this.#said('started', headers)),
      unaryHandler(worker.taskFailed, async (_request, { headers }) => this.#said('failed', headers)),
      unaryHandler(worker.taskStopped, async (_request, { headers }) => this.#said('stopped', headers)),
      unaryHandler(worker.updateStatus, async ({ disabled }) => {
        this.#disabled = disabled;
        return { disabled };
      }),
      unaryHandler(agent.initialCommands, async (_request, { headers }) => this.#commands(headers)),
      unaryHandler(agent.reportCommandUpdates, async () => ({})),
      unaryHandler(agent.heartbeat, async () => ({})),
      unaryHandler(agent.reportAgentFinished, async ({ commandResults }, { headers }) => {
        const last = commandResults.at(-1);
        this.tasks.get(headers[HEADER.taskId] ?? '')?.events.push(`finished ${last?.status}`);
        return {};
      }),
      uploadHandler(agent.streamLogs, (messages) => this.#drain(messages)),
      uploadHandler(agent.saveLogs, (messages) => this.#drain(messages)),
    ];
  }
}
