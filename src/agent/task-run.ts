import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Environment } from '../platform/environment.ts';
import { type Command, Status } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { ArtifactsApi } from './artifacts/artifacts-api.ts';
import type { TaskCaches } from './cache/task-caches.ts';
import type { CommandReporter } from './command-reporter.ts';
import type { Running, StepContext, StepOutcome } from './instructions/instruction.ts';
import { StepLog, type StepLogDeps } from './log/step-log.ts';
import { perform } from './perform.ts';
import { patienceOf, shouldRun } from './steps.ts';
import { systemTrouble } from './system-trouble.ts';
import type { CommandUpdate } from './task-api.ts';
import type { StopReason, TaskLimits } from './task-limits.ts';
import { TaskVariables } from './task-variables.ts';
import { within } from './within.ts';

/** Time that a step waits for the server to take the news; with the server away, the task goes on without it. */
const NEWS_MS = 2_000;

/** Time that the next step waits for this one's log to be saved; it goes on being saved behind it. */
const SAVE_MS = 3_000;

const STOP_TEXT: Readonly<Record<StopReason, string>> = {
  timeout: 'Timed out!',
  cancelled: 'Context canceled!',
  abandoned: 'Abandoned: the worker is gone!',
};

export interface TaskRunDeps extends StepLogDeps {
  readonly reporter: CommandReporter;
  readonly limits: TaskLimits;
  readonly process: Environment;
  readonly workingFolder: string;
  readonly artifacts: ArtifactsApi;
  readonly caches: TaskCaches;
  /** Told of errors that are our own bugs. */
  readonly onBug: (error: unknown) => void;
  readonly log: Logger;
}

interface Background {
  readonly running: Running;
  readonly log: StepLog;
  /** Its `CIRRUS_ENV`. */
  readonly exported: string;
}

/** The steps of one task, one after the other. */
export class TaskRun {
  readonly #background: Background[] = [];
  readonly #savings: Promise<string | null>[] = [];
  readonly #variables: TaskVariables;
  #steps = 0;

  constructor(
    environment: Environment,
    private failed: boolean,
    private readonly deps: TaskRunDeps,
  ) {
    this.#variables = new TaskVariables(environment, deps.secrets);
  }

  /** Runs what is to be run of `commands`, and skips the rest. Does not reject for anything that a step does. */
  async run(commands: readonly Command[]): Promise<void> {
    let exited = false;
    for (const command of commands) {
      const runs =
        !exited && shouldRun(command.executionBehaviour, { ...this.deps.limits.progress, failed: this.failed });
      if (runs) exited = (await this.#step(command)) === 'exit';
      else this.deps.reporter.push({ name: command.name, status: Status.SKIPPED });
    }
  }

  /** Ends background scripts and waits for all logs to be delivered. Gives a sentence for each that could not be. */
  async close(hurry: AbortSignal): Promise<readonly string[]> {
    const stopped = this.#background.map(async ({ running, log }) => {
      await running.stop(hurry);
      return log.finish();
    });
    this.#savings.push(...stopped);
    return (await Promise.all(this.#savings)).filter((problem) => problem !== null);
  }

  async #step(command: Command): Promise<StepOutcome['tag']> {
    const { reporter, clock, log } = this.deps;
    reporter.push({ name: command.name, status: Status.EXECUTING });
    await within(reporter.flush(), NEWS_MS, clock);
    log.info('step started', { step: command.name, kind: command.instruction.case });
    const startMs = clock.monoMs();
    await this.#takeFromBackground().catch(this.deps.onBug);
    const outcome = await this.#runLogged(command);
    const durationMs = clock.monoMs() - startMs;
    log.info('step ended', { step: command.name, outcome: outcome.tag, durationMs: Math.round(durationMs) });
    reporter.push(this.#resultOf(command.name, outcome, durationMs));
    return outcome.tag;
  }

  #resultOf(name: string, outcome: StepOutcome, durationMs: number): CommandUpdate {
    const failed = outcome.tag === 'failed' || outcome.tag === 'stopped';
    if (failed) this.failed = true;
    const ended = outcome.tag === 'failed' || outcome.tag === 'completed' ? outcome : undefined;
    return {
      name,
      status: failed ? Status.FAILED : Status.COMPLETED,
      durationInNanos: BigInt(Math.round(durationMs * 1_000_000)),
      signaledToExit: outcome.tag === 'failed' && outcome.signalled === true,
      ...(ended?.exitCode === undefined ? {} : { exitCode: ended.exitCode }),
    };
  }

  async #runLogged(command: Command): Promise<StepOutcome> {
    this.#steps += 1;
    const number = this.#steps;
    const { CIRRUS_LOG_TIMESTAMP: stamp, CIRRUS_AGENT_EXPOSE_SCRIPTS_OUTPUTS: expose } = this.#variables.current;
    const style = { timestamps: stamp === 'true', exposed: expose !== undefined };
    const output = await StepLog.open(command.name, number, style, this.deps);
    const outcome = await this.#perform(command, number, output);
    if (outcome.tag === 'background') {
      this.#background.push({ running: outcome.running, log: output, exported: this.#exportedOf(number) });
      return outcome;
    }
    const saving = output.finish();
    this.#savings.push(saving);
    await within(saving, SAVE_MS, this.deps.clock);
    return outcome;
  }

  #exportedOf(number: number): string {
    return join(this.deps.temporary, `env-${number}`);
  }

  async #perform(command: Command, number: number, output: StepLog): Promise<StepOutcome> {
    const signal = this.deps.limits.signalFor(patienceOf(command.executionBehaviour));
    const exported = this.#exportedOf(number);
    let outcome: StepOutcome;
    try {
      await writeFile(exported, '', { mode: 0o600 });
      outcome = signal.aborted
        ? this.#stopped(signal)
        : await perform(command, this.#context(exported, output), signal);
    } catch (error) {
      outcome = await this.#explain(error, output, signal);
    }
    await this.#afterwards(outcome, exported, output).catch(this.deps.onBug);
    return outcome;
  }

  async #afterwards(outcome: StepOutcome, exported: string, output: StepLog): Promise<void> {
    if (outcome.tag === 'stopped') {
      await output.print(`\n${STOP_TEXT[outcome.reason]}`);
      this.deps.log.warn('step was ended', { reason: outcome.reason, running: outcome.running ?? [] });
    }
    if (outcome.tag === 'background') return; // it may still want to write to the file
    for (const complaint of await this.#variables.take(exported)) await output.print(complaint);
    await rm(exported, { force: true });
  }

  #stopped(signal: AbortSignal): StepOutcome {
    return { tag: 'stopped', reason: signal.reason as StopReason };
  }

  /** What an instruction threw: the abort, a sentence for people, or a bug of ours. */
  async #explain(error: unknown, output: StepLog, signal: AbortSignal): Promise<StepOutcome> {
    if (signal.aborted) return this.#stopped(signal);
    const known = error instanceof AppError ? error : systemTrouble(error);
    const advice = known === undefined ? ' (this is a bug in pwagent)' : '';
    if (known === undefined) this.deps.onBug(error);
    await output.print(`${describeError(known ?? error)}${advice}`).catch(this.deps.onBug);
    return { tag: 'failed' };
  }

  #context(exported: string, output: StepLog): StepContext {
    const { process, workingFolder, temporary, secrets, artifacts, caches, clock, random } = this.deps;
    const environment = { ...this.#variables.current, CIRRUS_ENV: exported };
    return { environment, process, workingFolder, temporary, output, secrets, artifacts, caches, clock, random };
  }

  /** What background scripts have exported meanwhile is there for the next step. */
  async #takeFromBackground(): Promise<void> {
    for (const { exported, log } of this.#background) {
      for (const complaint of await this.#variables.take(exported, true)) await log.print(complaint);
    }
  }
}
