import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, describeError, EXIT, type ExitCode } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Environment } from '../platform/environment.ts';
import type { RpcClient } from '../rpc/client.ts';
import type { CommandsResponse } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { AgentReports } from './agent-reports.ts';
import type { Dial } from './cache/transfer/byte-stream.ts';
import { type AgentSignals, carryOut } from './carry-out.ts';
import { beatHeart } from './heartbeat.ts';
import { portsOf, waitForPorts } from './port-wait.ts';
import type { LoadSource } from './resources/resource-meter.ts';
import { isTemporary, type RetryDeps, retrying } from './retry.ts';
import type { SecretSet } from './secret-set.ts';
import { createTaskApi, type TaskApi, type TaskIdentity } from './task-api.ts';

export interface AgentOptions extends TaskIdentity {
  /** First command to run; empty for the first of all. */
  readonly commandFrom: string;
  /** Command before which to stop; empty for none. */
  readonly commandTo: string;
  /** Folder that a persistent worker has made for the task. */
  readonly workingDirectory: string | undefined;
}

export interface AgentDeps extends RetryDeps {
  readonly client: RpcClient;
  /** Opens channels to other servers, for caches that travel by gRPC. */
  readonly dial: Dial;
  readonly log: Logger;
  /** The newest part of that log, for the server; empty when there is none to send. */
  readonly ownLog: () => string;
  /** What must not be shown in any log; tokens and the task's secrets are added. */
  readonly secrets: SecretSet;
  readonly process: Environment;
  /** Folder for temporary files. */
  readonly temporary: string;
  /** What is measured for the final report, in order of preference. */
  readonly loadSources: readonly LoadSource[];
  /** Takes a copy of what scripts print, secrets hidden, where the task wants one. */
  readonly expose: (text: string) => void;
  /** Tells from now on of each signal that this process gets, and of errors that nobody caught. Returns how to end that. */
  readonly watch: (listeners: {
    readonly onSignal: (name: string) => void;
    readonly onPanic: (error: unknown) => void;
  }) => () => void;
}

/** `problem` is null when the task was carried through, whatever its result, else why the agent could not do its work. */
export interface AgentResult {
  readonly problem: string | null;
  readonly exitCode: ExitCode;
}

/** A token shorter than this is a test's, and would hide innocent letters. */
const MIN_TOKEN_LENGTH = 8;

const FIRST_CALL_BACKOFF = { firstMs: 1_000, maxMs: 30_000 };

/** Time for the last words about the agent itself, after those about the task. */
const OWN_LOG_MS = 15_000;

const FINE: AgentResult = { problem: null, exitCode: EXIT.ok };

function unavailable(problem: string): AgentResult {
  return { problem, exitCode: EXIT.unavailable };
}

/** One agent at work. */
class Agent {
  readonly #api: TaskApi;
  readonly #reports: AgentReports;

  constructor(
    private readonly options: AgentOptions,
    private readonly deps: AgentDeps,
    private readonly signals: AgentSignals,
  ) {
    this.#api = createTaskApi(deps.client, options);
    this.#reports = new AgentReports(this.#api, deps);
    for (const token of [options.clientToken, options.serverToken]) {
      if (token.length >= MIN_TOKEN_LENGTH) deps.secrets.add(token);
    }
  }

  async run(): Promise<AgentResult> {
    const unwatch = this.deps.watch({
      onSignal: (name) => this.#reports.signalled(name),
      onPanic: (error) => this.#reports.error(error),
    });
    const heart = new AbortController();
    const stop = AbortSignal.any([this.signals.cancel, this.signals.abandon]);
    await this.#waitForPorts(stop);
    const beating = beatHeart(this.#api, this.deps, heart.signal);
    try {
      return await this.#runTask(stop);
    } catch (error) {
      this.#reports.error(error);
      await this.#reports.deliver(() => this.#api.reportFinished({ commandResults: [] }, this.#reports.signal));
      const exitCode = error instanceof AppError ? error.exitCode : EXIT.internal;
      return { problem: describeError(error), exitCode };
    } finally {
      await this.#sendOwnLog();
      this.#reports.giveUp();
      heart.abort();
      await beating;
      unwatch();
    }
  }

  async #waitForPorts(signal: AbortSignal): Promise<void> {
    const ports = portsOf(this.deps.process.CIRRUS_PORTS_WAIT_FOR);
    for (const port of await waitForPorts(ports, this.deps, signal)) {
      this.#reports.warning(`nothing opened port ${port} within a minute; the task goes on without it`);
    }
  }

  async #runTask(stop: AbortSignal): Promise<AgentResult> {
    let response: CommandsResponse;
    try {
      response = await this.#askForCommands(stop);
    } catch (error) {
      if (stop.aborted) return FINE;
      if (!(error instanceof RpcError)) throw error;
      const why = `${error.message} (${error.status})`;
      return unavailable(`the server gave no commands for task ${this.options.taskId}: ${why}`);
    }
    if (response.serverToken !== this.options.serverToken) {
      const message = 'the server did not prove that this task is its own (wrong server token); nothing was run';
      this.#reports.error(new AppError('UNAVAILABLE', message));
      return unavailable(message);
    }
    const own = { api: this.#api, reports: this.#reports, systemTemporary: this.deps.temporary };
    return this.#inPrivateFolder((temporary) =>
      carryOut(response, { ...this.deps, ...this.options, ...own, temporary }, this.signals),
    );
  }

  #askForCommands(signal: AbortSignal): Promise<CommandsResponse> {
    const { clock, log } = this.deps;
    const ask = async (attempt: number) => {
      try {
        return await this.#api.initialCommands(this.options.commandFrom, clock.wallMs() / 1_000, attempt > 0, signal);
      } catch (error) {
        if (isTemporary(error)) log.warn('no commands yet', { attempt, reason: describeError(error) });
        throw error;
      }
    };
    return retrying(ask, FIRST_CALL_BACKOFF, this.deps, signal);
  }

  async #inPrivateFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await makePrivateFolder(this.deps.temporary);
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
        this.deps.log.warn('temporary folder was not removed', { folder, reason: describeError(error) });
      });
    }
  }

  /** After all else: the server may want to know how the agent itself fared. */
  async #sendOwnLog(): Promise<void> {
    const giveUp = this.deps.clock.after(OWN_LOG_MS, () => this.#reports.giveUp());
    await this.#reports.settle();
    const logs = this.deps.ownLog();
    if (logs !== '') await this.#reports.deliver(() => this.#api.reportLogs(logs, this.#reports.signal));
    giveUp();
  }
}

async function makePrivateFolder(parent: string): Promise<string> {
  try {
    return await mkdtemp(join(parent, 'pwagent-task-'));
  } catch (cause) {
    const hint = 'TMPDIR must be a folder that this user may write';
    throw new AppError('CONFIG', `no folder for the task's files can be made in ${parent}: ${describeError(cause)}`, {
      hint,
      cause,
    });
  }
}

/** Runs one task from its first call to its last report. Never rejects for anything that happens to the task. */
export function runAgent(options: AgentOptions, deps: AgentDeps, signals: AgentSignals): Promise<AgentResult> {
  return new Agent(options, deps, signals).run();
}
