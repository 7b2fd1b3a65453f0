import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  CirrusCIService,
  type CommandResult,
  CommandSchema,
  type CommandsResponseSchema,
  type InitialCommandsRequest,
  type LogEntry,
  type ReportAgentFinishedRequest,
  Status,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import type { Headers } from '../../src/rpc/metadata.ts';
import { RpcError, type RpcStatus } from '../../src/rpc/rpc-error.ts';
import {
  type MethodHandler,
  type RpcServer,
  startRpcServer,
  unaryHandler,
  uploadHandler,
} from '../../src/rpc/server.ts';

export interface RecordedLog {
  readonly command: string;
  readonly raw: boolean;
  /** Where in the whole log it begins, if the agent said so. */
  readonly offset: number | undefined;
  text: string;
  chunks: number;
  ended: boolean;
}

const decoder = new TextDecoder();

/** Stands in for the hub on a real socket, and keeps everything that an agent says. */
export class FakeAgentServer {
  readonly initial: InitialCommandsRequest[] = [];
  readonly batches: CommandResult[][] = [];
  readonly streams: RecordedLog[] = [];
  readonly saves: RecordedLog[] = [];
  readonly finished: ReportAgentFinishedRequest[] = [];
  readonly problems: { message: string; stack: string }[] = [];
  readonly warnings: string[] = [];
  readonly signals: string[] = [];
  readonly agentLogs: string[] = [];
  stopHooks = 0;
  readonly headers: Headers[] = [];
  heartbeats = 0;
  /** Answers this to a method instead of serving it, as often as the number says. */
  readonly refusals = new Map<string, { status: RpcStatus; times: number }>();
  #server: RpcServer | undefined;
  #port = 0;
  #changed = Promise.withResolvers<void>();

  /** `more` serves methods beyond the ones here. */
  constructor(
    readonly response: MessageInitShape<typeof CommandsResponseSchema>,
    private readonly more: readonly MethodHandler[] = [],
  ) {}

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts listening, after `cut` on the same port as before. */
  async start(): Promise<void> {
    const listen = `127.0.0.1:${this.#port}`;
    const onBug = (_method: string, error: unknown) => {
      throw error;
    };
    this.#server = await startRpcServer({ listen, handlers: this.#handlers(), onBug });
    this.#port = this.#server.port;
  }

  /** Breaks all connections at once, as a killed hub does. */
  async cut(): Promise<void> {
    await this.#server?.stop(AbortSignal.abort());
    this.#server = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cut();
  }

  /** Waits until the condition holds, looking at it after each call of the agent. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const late = setTimeout(() => this.#changed.reject(new Error(`never happened: ${what}`)), 20_000);
    while (!condition()) await this.#changed.promise;
    clearTimeout(late);
  }

  #ring(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
    this.#changed.promise.catch(() => {});
  }

  #admit(name: string, headers: Headers): void {
    this.headers.push(headers);
    const refusal = this.refusals.get(name);
    if (refusal === undefined || refusal.times <= 0) return;
    refusal.times -= 1;
    throw new RpcError(refusal.status, 'refused by the test');
  }

  /** A stream that breaks is the agent's business, not a mistake of this server. */
  async #takeLog(messages: AsyncIterable<LogEntry>, logs: RecordedLog[]): Promise<{ bytesLogged: bigint }> {
    try {
      return await this.#readLog(messages, logs);
    } catch (error) {
      throw new RpcError('CANCELLED', 'the stream broke', { cause: error });
    }
  }

  async #readLog(messages: AsyncIterable<LogEntry>, logs: RecordedLog[]): Promise<{ bytesLogged: bigint }> {
    let log: RecordedLog | undefined;
    let bytes = 0;
    for await (const { value } of messages) {
      if (value.case === 'key') {
        const { commandName: command, raw, offset } = value.value;
        log = {
          command,
          raw,
          offset: offset === undefined ? undefined : Number(offset),
          text: '',
          chunks: 0,
          ended: false,
        };
        logs.push(log);
      } else if (value.case === 'chunk' && log !== undefined) {
        log.text += decoder.decode(value.value.data);
        log.chunks += 1;
        bytes += value.value.data.length;
      }
      this.#ring();
    }
    if (log !== undefined) log.ended = true;
    this.#ring();
    return { bytesLogged: BigInt(bytes) };
  }

  #handlers(): MethodHandler[] {
    const { method } = CirrusCIService;
    const note = <T, R>(name: string, run: (request: T) => R) => {
      return async (request: T, { headers }: { headers: Headers }) => {
        this.#admit(name, headers);
        const result = run(request);
        this.#ring();
        return result;
      };
    };
    return [
      ...this.more,
      unaryHandler(
        method.initialCommands,
        note('initialCommands', (request) => {
          this.initial.push(request);
          return this.response;
        }),
      ),
      unaryHandler(
        method.reportCommandUpdates,
        note('reportCommandUpdates', (request) => {
          this.batches.push(request.updates);
          return {};
        }),
      ),
      unaryHandler(
        method.heartbeat,
        note('heartbeat', () => {
          this.heartbeats += 1;
          return {};
        }),
      ),
      unaryHandler(
        method.reportAgentFinished,
        note('reportAgentFinished', (request) => {
          this.finished.push(request);
          return {};
        }),
      ),
      unaryHandler(
        method.reportAgentError,
        note('reportAgentError', ({ message, stack }) => {
          this.problems.push({ message, stack });
          return {};
        }),
      ),
      unaryHandler(
        method.reportAgentWarning,
        note('reportAgentWarning', ({ message }) => {
          this.warnings.push(message);
          return {};
        }),
      ),
      unaryHandler(
        method.reportAgentSignal,
        note('reportAgentSignal', ({ signal }) => {
          this.signals.push(signal);
          return {};
        }),
      ),
      unaryHandler(
        method.reportAgentLogs,
        note('reportAgentLogs', ({ logs }) => {
          this.agentLogs.push(logs);
          return {};
        }),
      ),
      unaryHandler(
        method.reportStopHook,
        note('reportStopHook', () => {
          this.stopHooks += 1;
          return {};
        }),
      ),
      uploadHandler(method.streamLogs, (messages, { headers }) => {
        this.#admit('streamLogs', headers);
        return this.#takeLog(messages, this.streams);
      }),
      uploadHandler(method.saveLogs, (messages, { headers }) => {
        this.#admit('saveLogs', headers);
        return this.#takeLog(messages, this.saves);
      }),
    ];
  }

  /** `name status` of each update, batch by batch. */
  get story(): string[][] {
    return this.batches.map((batch) => batch.map(({ name, status }) => `${name} ${Status[status]}`));
  }

  /** The last status of each command, with the exit code where there is one. */
  get results(): Record<string, string> {
    const updates = this.finished.at(-1)?.commandResults ?? [];
    return Object.fromEntries(
      updates.map(({ name, status, exitCode }) => [
        name,
        `${Status[status]}${exitCode === undefined ? '' : ` ${exitCode}`}`,
      ]),
    );
  }

  /** The final copy of a command's log. */
  saved(command: string): string | undefined {
    return this.saves.findLast((log) => log.command === command && log.ended)?.text;
  }

  /** What all live streams of a command have brought. */
  streamed(command: string): string {
    return this.streams
      .filter((log) => log.command === command)
      .map((log) => log.text)
      .join('');
  }
}

type Init = MessageInitShape<typeof CommandSchema>;

/** A command with a script of these lines. */
export function script(name: string, lines: readonly string[], more: Partial<Init> = {}) {
  const init: Init = { name, instruction: { case: 'scriptInstruction', value: { scripts: [...lines] } } };
  return create(CommandSchema, { ...init, ...more } as Init);
}
