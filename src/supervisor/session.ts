import { statfsSync } from 'node:fs';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import { listProcesses } from '../platform/process-table.ts';
import { sendSignal } from '../platform/processes.ts';
import { RotatingFile } from '../platform/rotating-file.ts';
import { type ClockReading, wallStepMs } from './age.ts';
import type { SupervisorConfig } from './config.ts';
import type { JournalEntry } from './journal.ts';
import { JournalKeeper } from './journal-keeper.ts';
import { type LadderDeps, programRunner, shutDownMachine, tellShutDown } from './ladder.ts';
import type { Life } from './life.ts';
import { buildReport, type StatusAnswer, type StatusReport, statusExitCode } from './status-report.ts';
import { type Actions, Supervisor } from './supervisor.ts';
import { WorkerKeeper } from './worker-keeper.ts';
import type { WorkerPlan } from './worker-plan.ts';

export interface SessionParts {
  readonly config: SupervisorConfig;
  readonly name: string;
  readonly plan: WorkerPlan;
  readonly life: Life;
  /** The clocks when the life's age was reckoned. */
  readonly started: ClockReading;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dryRun: boolean;
  /** Aborts when nothing may be waited for any more. */
  readonly leave: AbortSignal;
}

/** Of the worker's output this many older files are kept; all of them together stay within `worker.log-limit`. */
const WORKER_LOG_FILES = 9;

/** What a dry run shows when no command is configured. */
const USUAL_SHUTDOWN = ['/sbin/shutdown', '-h', 'now'];

/** One run of the supervisor: decisions, worker, journal and ladder wired to each other. */
export class Session {
  readonly #parts: SessionParts;
  readonly #supervisor: Supervisor;
  readonly #keeper: WorkerKeeper;
  readonly #journal: JournalKeeper;
  readonly #ladder = new AbortController();
  #lastReading: ClockReading;

  constructor(parts: SessionParts, journalName: string) {
    this.#parts = parts;
    this.#lastReading = parts.started;
    const { config, life, clock, log, plan } = parts;
    this.#journal = new JournalKeeper(config.stateDir, journalName, log, () => this.#entry());
    this.#keeper = new WorkerKeeper(
      {
        plan,
        graceMs: config.worker.graceMs,
        clock,
        processes: {
          ownPid: process.pid,
          list: listProcesses,
          signal: (pid, name) => void sendSignal(pid, name),
        },
        output: this.#openWorkerLog(),
        leave: parts.leave,
        events: {
          message: (message) => this.#supervisor.workerSays(message),
          exited: (exit) => this.#supervisor.dispatch({ tag: 'worker-exited', ...exit }),
          marksChanged: () => void this.#journal.save(),
        },
      },
      life.leftovers,
    );
    const { drainPollMs } = config.life;
    const { onExit, restartLimit, restartWindowMs, staleAfterMs } = config.worker;
    this.#supervisor = new Supervisor({
      policy: {
        ...life.limits,
        drainPollMs,
        onExit,
        restartLimit,
        restartWindowMs,
        staleAfterMs,
        minFreeBytes: config.minFreeBytes,
      },
      state: life.state,
      ageMs: () => this.#ageMs(),
      clock,
      log,
      actions: this.#actions(),
    });
  }

  start(): void {
    this.#supervisor.start();
  }

  /** Ends the worker and leaves; deadlines stay in the journal. */
  async leave(hurry: AbortSignal): Promise<void> {
    this.#supervisor.stop();
    this.#ladder.abort();
    await this.#keeper.end(hurry).catch(() => this.#keeper.kill()); // only `hurry` makes it reject
    await this.#journal.save();
  }

  status(): StatusAnswer {
    const { state } = this.#supervisor;
    return { pid: process.pid, exitCode: statusExitCode(state), status: this.#report() };
  }

  #ageMs(): number {
    const { life, clock, started } = this.#parts;
    return life.ageMs + clock.continuousMs() - started.continuousMs;
  }

  #openWorkerLog(): (data: Uint8Array) => void {
    const { logFile, logLimitBytes } = this.#parts.config.worker;
    try {
      const maxBytes = Math.floor(logLimitBytes / (WORKER_LOG_FILES + 1));
      const file = new RotatingFile(logFile, { maxBytes, keep: WORKER_LOG_FILES });
      return (data) => file.write(data);
    } catch (error) {
      this.#parts.log.warn('the log file of the worker cannot be written; its output is lost', {
        event: 'worker-log',
        file: logFile,
        error: String(error),
      });
      return () => {};
    }
  }

  #actions(): Actions {
    return {
      startWorker: () => void this.#keeper.start(),
      pauseWorker: () => this.#keeper.send({ type: 'pause' }),
      lookAtWorker: () => this.#keeper.left(),
      refreshWorker: () => this.#keeper.refresh(),
      silentMs: () => this.#keeper.silentMs(),
      shutDown: (urgent) => this.#shutDown(urgent),
      freeBytes: () => this.#freeBytes(),
      saveJournal: () => {
        this.#checkWallClock();
        void this.#journal.save();
      },
    };
  }

  #shutDown(urgent: AbortSignal): void {
    const { config, clock, log, dryRun } = this.#parts;
    const settings = { ...config.shutdown, command: config.shutdown.command ?? USUAL_SHUTDOWN };
    const report: LadderDeps['report'] = (step, outcome, error) => this.#supervisor.rungReports(step, outcome, error);
    if (dryRun) {
      tellShutDown({ settings, log, report });
      return;
    }
    const deps = {
      settings,
      clock,
      log,
      report,
      run: programRunner(clock),
      endWorker: (signal: AbortSignal) => this.#keeper.end(signal),
      persist: () => this.#journal.save(),
    };
    void shutDownMachine(deps, urgent, this.#ladder.signal).catch((error: unknown) => {
      if (!this.#ladder.signal.aborted) throw error;
    });
  }

  #freeBytes(): number | undefined {
    try {
      const { bavail, bsize } = statfsSync(this.#parts.plan.cwd);
      return bavail * bsize;
    } catch {
      return undefined; // the folder went away: `status` shows null
    }
  }

  #checkWallClock(): void {
    const { clock, started, log } = this.#parts;
    const now = { continuousMs: clock.continuousMs(), wallMs: clock.wallMs(), bootId: started.bootId };
    const stepMs = wallStepMs(this.#lastReading, now);
    this.#lastReading = now;
    if (stepMs === undefined) return;
    log.warn('the wall clock stepped; no deadline moves', {
      event: 'wall-clock',
      stepSeconds: Math.round(stepMs / 1_000),
    });
  }

  #entry(): JournalEntry {
    const { life, started, clock } = this.#parts;
    const { state } = this.#supervisor;
    const ended = state.phase === 'stopping' || state.phase === 'halted';
    return {
      lifeId: life.lifeId,
      mark: {
        ageMs: this.#ageMs(),
        continuousMs: clock.continuousMs(),
        bootId: started.bootId,
        wallMs: clock.wallMs(),
      },
      limits: life.limits,
      servedAgeMs: state.servedAgeMs,
      ending: state.ending,
      unusable: state.unusable,
      stopping: ended ? state.reason : null,
      attempts: state.ladder.attempts,
      restartAgesMs: [...state.restartAgesMs],
      processes: this.#keeper.marks.map(({ pid, started: since }) => ({ pid, started: since })),
    };
  }

  #report(): StatusReport {
    const { name, plan, clock } = this.#parts;
    return buildReport({
      name,
      user: plan.user.name,
      process: this.#keeper.process,
      state: this.#supervisor.state,
      deadlines: this.#supervisor.deadlines,
      ageMs: this.#ageMs(),
      wallMs: clock.wallMs(),
      disk: { path: plan.cwd, freeBytes: this.#freeBytes() ?? null },
    });
  }
}
