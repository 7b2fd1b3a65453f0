import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Environment } from '../platform/environment.ts';
import { randomToken } from '../platform/random.ts';
import type { RpcClient } from '../rpc/client.ts';
import type { CommandsResponse } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import { type ArtifactsApi, createArtifactsApi } from './artifacts/artifacts-api.ts';
import { CommandReporter } from './command-reporter.ts';
import { beatHeart } from './heartbeat.ts';
import { ensureWorkingFolder } from './instructions/script.ts';
import { endProcesses, markedProcesses, RUN_MARK } from './program/end-processes.ts';
import { HUB_BACKOFF, isTemporary, type RetryDeps, retrying } from './retry.ts';
import { SecretSet } from './secret-set.ts';
import { commandRange } from './steps.ts';
import { createTaskApi, type TaskApi, type TaskIdentity } from './task-api.ts';
import { chooseWorkingFolder, taskEnvironment } from './task-environment.ts';
import { startLimits, timeoutOf } from './task-limits.ts';
import { TaskRun } from './task-run.ts';

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
  readonly log: Logger;
  readonly process: Environment;
  /** Folder for temporary files. */
  readonly temporary: string;
}

export interface AgentSignals {
  /** Cancels the task: clean-up steps still run, and reports are delivered. */
  readonly cancel: AbortSignal;
  /** Nobody waits for the task any more: kill everything and go. */
  readonly abandon: AbortSignal;
}

/** Time that the last reports may take once all steps are over; the short one when the task was abandoned. */
const LAST_REPORTS_MS = 5 * 60_000;
const ABANDONED_REPORTS_MS = 10_000;

/** Time for leftover processes to end in good order at the end of the task. */
const LEFTOVER_GRACE_MS = 1_000;

/** A token shorter than this is a test's, and would hide innocent letters. */
const MIN_TOKEN_LENGTH = 8;

const FIRST_CALL_BACKOFF = { firstMs: 1_000, maxMs: 30_000 };

/** One agent at work. */
class Agent {
  readonly #reporting = new AbortController();
  readonly #api: TaskApi;
  readonly #artifacts: ArtifactsApi;
  readonly #reporter: CommandReporter;
  readonly #secrets = new SecretSet();
  readonly #bugReports: Promise<void>[] = [];

  constructor(
    private readonly options: AgentOptions,
    private readonly deps: AgentDeps,
    private readonly signals: AgentSignals,
  ) {
    this.#api = createTaskApi(deps.client, options);
    this.#artifacts = createArtifactsApi(deps.client, options);
    this.#reporter = new CommandReporter(this.#api, deps, this.#reporting.signal);
    for (const token of [options.clientToken, options.serverToken]) {
      if (token.length >= MIN_TOKEN_LENGTH) this.#secrets.add(token);
    }
  }

  async run(): Promise<string | null> {
    const heart = new AbortController();
    const beating = beatHeart(this.#api, this.deps, heart.signal);
    try {
      return await this.#runTask();
    } finally {
      this.#reporting.abort();
      heart.abort();
      await beating;
    }
  }

  async #runTask(): Promise<string | null> {
    const { cancel, abandon } = this.signals;
    const stop = AbortSignal.any([cancel, abandon]);
    let response: CommandsResponse;
    try {
      response = await this.#askForCommands(stop);
    } catch (error) {
      if (stop.aborted) return null;
      if (!(error instanceof RpcError)) throw error;
      return `the server gave no commands for task ${this.options.taskId}: ${error.message} (${error.status})`;
    }
    if (response.serverToken !== this.options.serverToken) {
      const message = 'the server did not prove that this task is its own (wrong server token); nothing was run';
      await this.#report(() => this.#api.reportError(message, '', this.#reporting.signal));
      return message;
    }
    return this.#inPrivateFolder((temporary) => this.#carryOut(response, temporary));
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
    const folder = await mkdtemp(join(this.deps.temporary, 'pwagent-task-'));
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
        this.deps.log.warn('temporary folder was not removed', { folder, reason: describeError(error) });
      });
    }
  }

  async #carryOut(response: CommandsResponse, temporary: string): Promise<string | null> {
    const mark = randomToken(16);
    const { cancel, abandon } = this.signals;
    let task: TaskRun | undefined;
    let mayEscape = false;
    let failure: string | null = null;
    try {
      const { environment, workingFolder } = await this.#prepare(response);
      mayEscape = environment.CIRRUS_ESCAPING_PROCESSES !== undefined;
      const limits = startLimits(timeoutOf(response.timeoutInSeconds), this.deps.clock, cancel, abandon);
      const process = { ...this.deps.process, [RUN_MARK]: mark };
      task = new TaskRun(environment, response.failedAtLeastOnce, {
        ...this.#depsOf(temporary, limits, process, workingFolder),
        resumable: response.resumableLogs,
      });
      try {
        await task.run(commandRange(response.commands, this.options.commandFrom, this.options.commandTo));
      } finally {
        limits.end();
      }
    } catch (error) {
      failure = describeError(error);
      this.#reportBug(error);
    }
    const problems = await this.#wrapUp(task, mayEscape ? undefined : mark);
    return [failure, ...problems].filter((problem) => problem !== null).join('; ') || null;
  }

  #depsOf(temporary: string, limits: ReturnType<typeof startLimits>, process: Environment, workingFolder: string) {
    const { clock, random, log } = this.deps;
    const onBug = (error: unknown) => this.#reportBug(error);
    const reporting = this.#reporting.signal;
    const shared = {
      api: this.#api,
      reporter: this.#reporter,
      secrets: this.#secrets,
      reporting,
      onBug,
      artifacts: this.#artifacts,
    };
    return { ...shared, clock, random, log, temporary, limits, process, workingFolder };
  }

  async #prepare(response: CommandsResponse): Promise<{ environment: Environment; workingFolder: string }> {
    const { taskId, workingDirectory: prepared, commandFrom } = this.options;
    const { process, temporary } = this.deps;
    for (const secret of response.secretsToMask) this.#secrets.add(secret);
    this.#secrets.addByName(response.environment);
    const choice = { task: response.environment, prepared, continued: commandFrom !== '', taskId, temporary };
    const chosen = await chooseWorkingFolder(choice);
    const known = { taskId, workingFolder: chosen, secrets: response.secretsToMask };
    const environment = taskEnvironment(response.environment, process, known);
    this.#secrets.addByName(environment);
    const workingFolder = environment.CIRRUS_WORKING_DIR ?? chosen;
    await ensureWorkingFolder(workingFolder);
    return { environment, workingFolder };
  }

  /** Ends what still runs, then delivers logs, updates and the final report, for minutes if need be. */
  async #wrapUp(task: TaskRun | undefined, mark: string | undefined): Promise<readonly string[]> {
    const { clock } = this.deps;
    const { abandon } = this.signals;
    const giveUp = () => this.#reporting.abort();
    const soon = () => timers.push(clock.after(ABANDONED_REPORTS_MS, giveUp));
    const timers = [clock.after(LAST_REPORTS_MS, giveUp)];
    if (abandon.aborted) soon();
    abandon.addEventListener('abort', soon, { once: true });
    const lost = [...((await task?.close(abandon)) ?? [])];
    if (mark !== undefined) {
      await endProcesses(() => markedProcesses(RUN_MARK, mark), LEFTOVER_GRACE_MS, clock, abandon);
    }
    await this.#reporter.flush();
    await Promise.all(this.#bugReports);
    const finished = () => this.#api.reportFinished(this.#reporter.history, this.#reporting.signal);
    const problem = await this.#report(finished);
    if (problem !== null) lost.push(`the final report was not taken: ${problem}`);
    abandon.removeEventListener('abort', soon);
    for (const stop of timers) stop();
    return lost;
  }

  #reportBug(error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    this.deps.log.error('agent error', { reason: describeError(error), stack });
    this.#bugReports.push(
      this.#report(() => this.#api.reportError(describeError(error), stack, this.#reporting.signal)).then(() => {}),
    );
  }

  /** Delivers one report. Gives what went wrong in the end, or null. */
  async #report(call: () => Promise<void>): Promise<string | null> {
    try {
      await retrying(call, HUB_BACKOFF, this.deps, this.#reporting.signal);
      return null;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.status === 'UNIMPLEMENTED') return null;
      return `${error.message} (${error.status})`;
    }
  }
}

/**
 * Runs one task from its first call to its last report. Resolves with null when the task was carried through, whatever
 * its result, else with why the agent could not do its work.
 */
export function runAgent(options: AgentOptions, deps: AgentDeps, signals: AgentSignals): Promise<string | null> {
  return new Agent(options, deps, signals).run();
}
