import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CirrusWorkersService,
  type PollRequest,
  type PollResponse_AgentAwareTask,
  type PollResponse_AgentAwareTaskSchema,
  type PollResponseSchema,
  type RegisterRequest,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { HEADER, type Headers } from '../../src/rpc/metadata.ts';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import { type MethodHandler, type RpcServer, startRpcServer, unaryHandler } from '../../src/rpc/server.ts';
import type { ServerCertificate } from '../../src/rpc/tls.ts';

export type PollAnswer = MessageInitShape<typeof PollResponseSchema>;
export type TaskSketch = Exclude<
  MessageInitShape<typeof PollResponse_AgentAwareTaskSchema>,
  PollResponse_AgentAwareTask
>;

type Method = 'Register' | 'Poll' | 'TaskStarted' | 'TaskFailed' | 'TaskStopped' | 'UpdateStatus' | 'QueryRunningTasks';

/** One call that was answered, as a line: `TaskFailed 7 no disk`. */
export interface Recorded {
  readonly method: Method;
  readonly text: string;
  readonly headers: Headers;
}

/** A task with both secrets and one slot, unless told otherwise. */
export function task(taskId: string, more: TaskSketch = {}): TaskSketch {
  return {
    taskId,
    clientSecret: `client-${taskId}`,
    serverSecret: `server-${taskId}`,
    resourcesToUse: { slots: 1 },
    ...more,
  };
}

/**
 * Stands in for a control plane on a real socket. Polls take the next answer of `answers`; without one they are held until
 * there is one or a task is reported, at most `holdMs`, as a hub does.
 */
export class FakeWorkerServer {
  readonly answers: PollAnswer[] = [];
  readonly calls: Recorded[] = [];
  readonly polls: PollRequest[] = [];
  readonly registrations: RegisterRequest[] = [];
  /** Answers this to a method instead of serving it, so many times. */
  readonly faults = new Map<Method, { status: RpcStatus; message?: string; times: number }>();
  /** Methods that are answered only once this has come to pass; with a promise for ever, never. */
  readonly gates = new Map<Method, Promise<unknown>>();
  holdMs = 20_000;
  /** Gives other session tokens than this server accepts. */
  sessionToken: (() => string) | undefined;
  tokens = ['token'];
  /** Ids that `QueryRunningTasks` tells. */
  running: string[] = [];
  #sessions = 0;
  #valid = new Set<string>();
  #server: RpcServer | undefined;
  #port = 0;
  #changed = Promise.withResolvers<void>();

  constructor(private readonly certificate?: ServerCertificate) {}

  get endpoint(): string {
    return `${this.certificate === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Starts listening, after `cut` on the same port as before. */
  async start(): Promise<this> {
    this.#server = await startRpcServer({
      listen: `127.0.0.1:${this.#port}`,
      certificate: this.certificate,
      handlers: this.#handlers(),
      onBug: (method, error) => this.calls.push({ method: 'Poll', text: `BUG in ${method}: ${error}`, headers: {} }),
    });
    this.#port = this.#server.port;
    return this;
  }

  /** Breaks all connections at once, as a killed server does. */
  async cut(): Promise<void> {
    await this.#server?.stop(AbortSignal.abort());
    this.#server = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#changed.resolve();
    return this.cut();
  }

  /** All sessions so far are unknown from now on. */
  forgetSessions(): void {
    this.#valid.clear();
  }

  answer(answer: PollAnswer): void {
    this.answers.push(answer);
    this.#tell();
  }

  /** What was said about tasks, in order: `started 7`, `failed 7: no disk`, `stopped 7`. */
  get reports(): string[] {
    return this.calls.flatMap(({ method, text }) => (method.startsWith('Task') ? [text] : []));
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #enter(method: Method, headers: Headers, text: string, signal: AbortSignal): Promise<void> {
    const gone = new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    gone.catch(() => {}); // most callers stay until they have their answer
    await Promise.race([this.gates.get(method), gone]);
    const fault = this.faults.get(method);
    if (fault !== undefined && fault.times > 0) {
      fault.times -= 1;
      throw new RpcError(fault.status, fault.message ?? 'as the script says');
    }
    const ofWorker = method === 'UpdateStatus' || method === 'QueryRunningTasks';
    const byToken = ofWorker && this.tokens.includes(headers[HEADER.registrationToken] ?? '');
    if (method !== 'Register' && !byToken && !this.#valid.has(headers[HEADER.sessionToken] ?? '')) {
      throw new RpcError('PERMISSION_DENIED', 'unknown session');
    }
    this.calls.push({ method, text, headers });
    if (method !== 'Poll') this.#tell();
  }

  async #poll(request: PollRequest, signal: AbortSignal): Promise<PollAnswer> {
    this.polls.push(request);
    const hold = setTimeout(() => this.#tell(), this.holdMs);
    if (this.answers.length === 0 && !signal.aborted) await this.#changed.promise;
    clearTimeout(hold);
    return { pollIntervalInSeconds: 1, ...this.answers.shift() };
  }

  #handlers(): MethodHandler[] {
    const { method } = CirrusWorkersService;
    const of = (headers: Headers) => headers[HEADER.taskId] ?? '';
    return [
      unaryHandler(method.register, async (request, { headers, signal }) => {
        await this.#enter('Register', headers, 'register', signal);
        this.registrations.push(request);
        if (!this.tokens.includes(request.registrationToken)) throw new RpcError('PERMISSION_DENIED', 'unknown token');
        this.#sessions += 1;
        const sessionToken = this.sessionToken?.() ?? `session-${this.#sessions}`;
        this.#valid.add(sessionToken);
        return { sessionToken };
      }),
      unaryHandler(method.poll, async (request, { headers, signal }) => {
        await this.#enter('Poll', headers, 'poll', signal);
        return this.#poll(request, signal);
      }),
      unaryHandler(method.taskStarted, async (_request, { headers, signal }) => {
        await this.#enter('TaskStarted', headers, `started ${of(headers)}`, signal);
        return {};
      }),
      unaryHandler(method.taskFailed, async ({ message }, { headers, signal }) => {
        await this.#enter('TaskFailed', headers, `failed ${of(headers)}: ${message}`, signal);
        return {};
      }),
      unaryHandler(method.taskStopped, async (_request, { headers, signal }) => {
        await this.#enter('TaskStopped', headers, `stopped ${of(headers)}`, signal);
        return {};
      }),
      unaryHandler(method.updateStatus, async ({ disabled }, { headers, signal }) => {
        await this.#enter('UpdateStatus', headers, disabled ? 'disable' : 'enable', signal);
        return { disabled };
      }),
      unaryHandler(method.queryRunningTasks, async (_request, { headers, signal }) => {
        await this.#enter('QueryRunningTasks', headers, 'query', signal);
        return { runningTasks: this.running };
      }),
    ];
  }
}
