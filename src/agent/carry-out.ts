import { AppError, describeError, EXIT, type ExitCode } from '../lib/errors.ts';
import type { Environment } from '../platform/environment.ts';
import { randomToken } from '../platform/random.ts';
import type { RpcClient } from '../rpc/client.ts';
import type { CommandsResponse } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { AgentReports } from './agent-reports.ts';
import { createArtifactsApi } from './artifacts/artifacts-api.ts';
import { CacheService } from './cache/cache-service.ts';
import type { Dial } from './cache/transfer/byte-stream.ts';
import { CommandReporter } from './command-reporter.ts';
import { ensureWorkingFolder } from './instructions/script.ts';
import { SpoolBudget } from './log/spool.ts';
import type { StepLogDeps } from './log/step-log.ts';
import { endProcesses, markedProcesses, RUN_MARK } from './program/end-processes.ts';
import { type LoadSource, ResourceMeter, type Utilization } from './resources/resource-meter.ts';
import { commandRange } from './steps.ts';
import type { TaskIdentity } from './task-api.ts';
import { chooseWorkingFolder, taskEnvironment } from './task-environment.ts';
import { startLimits, type TaskLimits, timeoutOf } from './task-limits.ts';
import { TaskRun } from './task-run.ts';
import { unboxVariables } from './vault/unbox.ts';
import { createVaultClient, vaultSettings } from './vault/vault-client.ts';

export interface AgentSignals {
  /** Cancels the task: clean-up steps still run, and reports are delivered. */
  readonly cancel: AbortSignal;
  /** Nobody waits for the task any more: kill everything and go. */
  readonly abandon: AbortSignal;
  /** Abandoned since the worker is gone: what was cut off is no result, and the hub has the task run again. */
  readonly orphaned?: AbortSignal;
}

export interface CarryOutDeps extends Omit<StepLogDeps, 'reporting' | 'resumable' | 'budget'>, TaskIdentity {
  readonly client: RpcClient;
  readonly dial: Dial;
  readonly commandFrom: string;
  readonly commandTo: string;
  readonly workingDirectory: string | undefined;
  readonly reports: AgentReports;
  /** What is measured for the final report, in order of preference. */
  readonly loadSources: readonly LoadSource[];
  /** Where working folders are made that nobody has prepared. */
  readonly systemTemporary: string;
  /** The agent's own environment. */
  readonly process: Environment;
}

interface CarriedOut {
  readonly problem: string | null;
  readonly exitCode: ExitCode;
}

/** Time that the last reports may take once all steps are over; the short one when the task was abandoned. */
const LAST_REPORTS_MS = 5 * 60_000;
const ABANDONED_REPORTS_MS = 10_000;

/** Time for leftover processes to end in good order at the end of the task. */
const LEFTOVER_GRACE_MS = 1_000;

/** Variables of the agent's own process that scripts do not get: an address to report crashes to, and the like. */
const OWN_BUSINESS = new Set(['SENTRY_DSN', 'CIRRUS_SENTRY_TAGS', 'CIRRUS_PORTS_WAIT_FOR']);

function inherited(process: Environment): Environment {
  return Object.fromEntries(Object.entries(process).filter(([name]) => !OWN_BUSINESS.has(name)));
}

/** One task in its private folder: what the server sent is prepared, run and wrapped up. */
class Assignment {
  readonly #mark = randomToken(16);
  readonly #reporter: CommandReporter;
  readonly #process: Environment;
  readonly #meter: ResourceMeter;
  readonly #measured = new AbortController();
  readonly #measuring: Promise<void>;
  readonly #caches: CacheService;
  #mayEscape = false;
  #task: TaskRun | undefined;

  constructor(
    private readonly response: CommandsResponse,
    private readonly deps: CarryOutDeps,
    private readonly signals: AgentSignals,
  ) {
    this.#reporter = new CommandReporter(deps.api, deps, deps.reports.signal);
    this.#meter = new ResourceMeter(deps.loadSources, deps.clock);
    this.#measuring = this.#meter.run(this.#measured.signal);
    this.#caches = new CacheService(deps, deps);
    this.#process = { ...inherited(deps.process), [RUN_MARK]: this.#mark };
  }

  async carryOut(): Promise<CarriedOut> {
    let failure: string | null = null;
    let exitCode: ExitCode = EXIT.ok;
    try {
      await this.#run();
    } catch (error) {
      const { cancel, abandon } = this.signals;
      if ((cancel.aborted || abandon.aborted) && !(error instanceof Error)) return this.#ended(null, EXIT.ok);
      failure = describeError(error);
      exitCode = error instanceof AppError ? error.exitCode : EXIT.internal;
      this.deps.reports.error(error);
    }
    return this.#ended(failure, exitCode);
  }

  async #ended(failure: string | null, code: ExitCode): Promise<CarriedOut> {
    const lost = await this.#wrapUp();
    const exitCode = code === EXIT.ok && lost.length > 0 ? EXIT.unavailable : code;
    return { problem: [...(failure === null ? [] : [failure]), ...lost].join('; ') || null, exitCode };
  }

  async #run(): Promise<void> {
    const { response, deps } = this;
    const { environment, workingFolder } = await this.#prepare();
    this.#mayEscape = environment.CIRRUS_ESCAPING_PROCESSES !== undefined;
    const { cancel, abandon } = this.signals;
    const limits = startLimits(timeoutOf(response.timeoutInSeconds), deps.clock, cancel, abandon);
    this.#task = this.#taskIn(environment, workingFolder, limits);
    try {
      await this.#task.run(commandRange(response.commands, deps.commandFrom, deps.commandTo));
    } finally {
      limits.end();
    }
  }

  #taskIn(environment: Environment, workingFolder: string, limits: TaskLimits): TaskRun {
    const { response, deps } = this;
    const { failedAtLeastOnce, resumableLogs: resumable } = response;
    return new TaskRun(environment, failedAtLeastOnce, {
      ...deps,
      reporter: this.#reporter,
      reporting: deps.reports.signal,
      resumable,
      budget: new SpoolBudget(),
      limits,
      workingFolder,
      process: this.#process,
      artifacts: createArtifactsApi(deps.client, deps),
      caches: this.#caches.caches,
      onBug: (error) => deps.reports.error(error),
    });
  }

  /** Values that a Vault keeps. What it gives is secret, and taken literally. */
  async #unbox(trial: Environment): Promise<Environment> {
    const { secrets, process } = this.deps;
    const { cancel, abandon } = this.signals;
    const onToken = (token: string) => secrets.add(token);
    const connect = () => createVaultClient(vaultSettings(trial), process, { ...this.deps, onToken });
    const unboxed = await unboxVariables(trial, connect, AbortSignal.any([cancel, abandon]));
    for (const value of Object.values(unboxed)) secrets.add(value);
    return unboxed;
  }

  async #prepare(): Promise<{ environment: Environment; workingFolder: string }> {
    const { response } = this;
    const { taskId, workingDirectory: prepared, commandFrom, systemTemporary: temporary, secrets } = this.deps;
    for (const secret of response.secretsToMask) secrets.add(secret);
    secrets.addByName(response.environment);
    const choice = { task: response.environment, prepared, continued: commandFrom !== '', taskId, temporary };
    const chosen = await chooseWorkingFolder(choice);
    const known = { taskId, workingFolder: chosen, secrets: response.secretsToMask };
    const trial = taskEnvironment(response.environment, this.#process, known);
    secrets.addByName(trial);
    const unboxed = await this.#unbox(trial);
    const literal = [...known.secrets, ...Object.values(unboxed)];
    const whole = { ...response.environment, ...unboxed };
    const environment = taskEnvironment(whole, this.#process, { ...known, secrets: literal });
    secrets.addByName(environment);
    const workingFolder = environment.CIRRUS_WORKING_DIR ?? chosen;
    await ensureWorkingFolder(workingFolder);
    const onTrouble = (error: unknown) => this.deps.reports.error(error);
    const cacheServer = await this.#caches.serve(environment, this.#process, onTrouble);
    return { environment: { ...environment, ...cacheServer }, workingFolder };
  }

  async #endMeasurement(): Promise<Utilization | undefined> {
    this.#measured.abort();
    await this.#measuring;
    for (const problem of this.#meter.problems) this.deps.reports.warning(problem);
    return this.#meter.utilization;
  }

  /** Ends what still runs, then delivers logs, updates and the final report, for minutes if need be. */
  async #wrapUp(): Promise<readonly string[]> {
    const { clock, api, reports } = this.deps;
    const { abandon } = this.signals;
    const giveUp = () => reports.giveUp();
    const soon = () => timers.push(clock.after(ABANDONED_REPORTS_MS, giveUp));
    const timers = [clock.after(LAST_REPORTS_MS, giveUp)];
    if (abandon.aborted) soon();
    abandon.addEventListener('abort', soon, { once: true });
    const lost = [...((await this.#task?.close(abandon)) ?? [])];
    if (!this.#mayEscape) {
      await endProcesses(() => markedProcesses(RUN_MARK, this.#mark), LEFTOVER_GRACE_MS, clock, abandon);
    }
    await this.#caches.stop();
    await this.#reporter.flush();
    const resourceUtilization = await this.#endMeasurement();
    await reports.settle();
    const report = {
      commandResults: this.#reporter.history,
      cacheRetrievalAttempts: this.#caches.caches.attempts.all,
      ...(resourceUtilization === undefined ? {} : { resourceUtilization }),
    };
    const finished = () => api.reportFinished(report, reports.signal);
    const problem = this.signals.orphaned?.aborted === true ? null : await reports.deliver(finished);
    if (problem !== null) lost.push(`the final report was not taken: ${problem}`);
    abandon.removeEventListener('abort', soon);
    for (const stop of timers) stop();
    return lost;
  }
}

/** Runs the commands that the server has sent. Resolves with what kept the agent from its work, if anything; never rejects. */
export function carryOut(response: CommandsResponse, deps: CarryOutDeps, signals: AgentSignals): Promise<CarriedOut> {
  return new Assignment(response, deps, signals).carryOut();
}
