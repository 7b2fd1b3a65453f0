import type { Logger } from '../../lib/log.ts';
import type { ProcessInfo } from '../../platform/process-table.ts';
import { sendSignal } from '../../platform/processes.ts';
import type { RunProgram } from '../../platform/run-program.ts';
import type { RunningTask, SupervisorMessage } from '../../platform/worker-link.ts';
import { familyOf, type ProcessMark } from '../process-family.ts';
import { type KeeperDeps, WorkerKeeper } from '../worker-keeper.ts';
import { busyProcesses } from './busy-rule.ts';
import { type IntakeFacts, nextIntakeStep, type RunnerOrder, waitsForJobs } from './intake.ts';
import { orderProgram, signalRunner } from './orders.ts';
import { ProgressFile } from './progress-file.ts';
import type { RunnerPlan } from './runner-plan.ts';

/** How often the process table is read while the runner serves. Its end, and nothing else, is an event. */
const LOOK_MS = 60_000;

/** A runner that is still there after so long was started; what cannot work at all leaves before. */
const SETTLE_MS = 500;

/** Between two jobs there is little time to tell a runner that may only be told then. */
const JOB_END_MS = 200;

/** A command that drains must not be waited for longer. */
const ORDER_MS = 30_000;

export interface CommandWorkerDeps extends KeeperDeps {
  readonly runner: RunnerPlan;
  /** How often the process table is read while no new jobs are to be taken. */
  readonly drainPollMs: number;
  readonly log: Logger;
}

/**
 * Any runner as the worker: started and ended like the built-in one, but known from the process table alone. It tells
 * nothing by itself, so this class reports in its place what a worker of ours would report.
 */
export class CommandWorker {
  readonly #deps: CommandWorkerDeps;
  readonly #keeper: WorkerKeeper;
  readonly #runProgram: RunProgram;
  readonly #progress: ProgressFile | undefined;
  #intake: Pick<IntakeFacts, 'wanted' | 'told' | 'ordering'> = { wanted: 'open', told: 'open', ordering: false };
  #table: readonly ProcessInfo[] | undefined;
  #running: readonly RunningTask[] = [];
  #jobPids: readonly number[] = [];
  #seenSince: ReadonlyMap<string, string> = new Map();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #cancelWatch = () => {};
  #reported = '';
  #complaint: string | null = null;
  #ended = false;

  /** `leftovers`: what a predecessor left; ended before the first runner starts. */
  constructor(deps: CommandWorkerDeps, leftovers: readonly ProcessMark[]) {
    this.#deps = deps;
    const { plan, clock, processes, events, runner } = deps;
    this.#keeper = new WorkerKeeper(
      {
        ...deps,
        plan: { ...plan, setup: undefined },
        processes: { ...processes, list: () => this.#table ?? processes.list() },
        events: { ...events, exited: (exit) => this.#onExit(exit) },
      },
      leftovers,
    );
    this.#runProgram = orderProgram(deps, () => this.#keeper.process?.pid);
    if (runner.progressFile !== undefined) this.#progress = new ProgressFile(runner.progressFile, clock);
  }

  get marks(): readonly ProcessMark[] {
    return this.#keeper.marks;
  }

  get process(): { readonly pid: number; readonly startedWallMs: number } | undefined {
    return this.#keeper.process;
  }

  /** Milliseconds since the progress file changed last; null without a runner, or when no such file was named. */
  silentMs(): number | null {
    if (this.#progress === undefined || this.#keeper.process === undefined) return null;
    return this.#progress.silentMs();
  }

  /** Takes `pause` and `resume`; each may be repeated. Whether the runner could be told shows as its intake. */
  send(message: SupervisorMessage): void {
    if (message.type === 'setup') return; // a runner of others has its own configuration
    this.#intake = { ...this.#intake, wanted: message.type === 'pause' ? 'closed' : 'open' };
    if (this.#ended) return;
    this.#look();
  }

  /** Starts the runner. It serves from that moment on. Outcomes come as events; never rejects. */
  async start(): Promise<void> {
    this.#intake = { ...this.#intake, told: 'open' };
    this.#reported = '';
    this.#progress?.begin();
    await this.#keeper.start();
    const started = this.#keeper.process?.pid;
    if (started === undefined) return; // an event has told why, or nobody asks
    this.#deps.clock.after(SETTLE_MS, () => {
      if (this.#keeper.process?.pid !== started || this.#ended) return;
      this.#deps.events.message({ type: 'registered' });
      this.#look();
    });
  }

  end(urgent: AbortSignal): Promise<void> {
    this.#ended = true;
    this.#cancelWatch();
    return this.#keeper.end(urgent);
  }

  kill(): void {
    this.#keeper.kill();
  }

  /** What runs now, freshly looked at. */
  left(): readonly RunningTask[] {
    return this.#look();
  }

  /** Looks when it is time to: more often while no new jobs are to be taken. */
  refresh(): void {
    const { clock, drainPollMs } = this.#deps;
    const everyMs = this.#intake.wanted === 'closed' ? Math.min(LOOK_MS, drainPollMs) : LOOK_MS;
    if (!this.#ended && clock.monoMs() - this.#lookedMs >= everyMs) this.#look();
  }

  #look(): readonly RunningTask[] {
    const table = this.#survey();
    this.#act(table);
    this.#report();
    return this.#running;
  }

  #survey(): readonly ProcessInfo[] {
    const { processes, plan, runner, clock } = this.#deps;
    this.#lookedMs = clock.monoMs();
    const table = processes.list();
    this.#table = table;
    this.#keeper.left(); // so that what loses its parent stays known
    this.#table = undefined;
    this.#note(busyProcesses(table, plan.user.uid, runner.busy, processes.ownPid));
    return table;
  }

  #note(busy: readonly ProcessInfo[]): void {
    const now = new Date(this.#deps.clock.wallMs()).toISOString();
    const known = this.#seenSince;
    const key = ({ pid, started }: ProcessInfo) => `${pid} ${started}`;
    this.#jobPids = busy.map(({ pid }) => pid);
    this.#seenSince = new Map(busy.map((info) => [key(info), known.get(key(info)) ?? now]));
    this.#running = busy
      .slice(0, 100)
      .map((info) => ({ id: `process ${info.pid}`, startedAt: this.#seenSince.get(key(info)) ?? now }));
  }

  /** Says what the runner would say, when it is news. */
  #report(): void {
    if (this.#ended) return;
    const intake = this.#intake.told === 'closed' ? 'paused' : 'open';
    const text = JSON.stringify([intake, this.#running]);
    if (text === this.#reported) return;
    this.#reported = text;
    this.#deps.events.message({ type: 'state', intake, running: this.#running });
  }

  #act(table: readonly ProcessInfo[]): void {
    if (this.#ended) return;
    const { runner } = this.#deps;
    const facts = { ...this.#intake, alive: this.#keeper.process !== undefined, busy: this.#running.length > 0 };
    const step = nextIntakeStep(facts, runner.drain, runner.undrain);
    if (step === 'start') void this.start();
    else if (step === 'undrain' && runner.undrain !== undefined) this.#order(runner.undrain, 'open', table);
    else if (step === 'drain' && runner.drain.tag !== 'none') this.#order(runner.drain, 'closed', table);
    if (waitsForJobs(facts, runner.drain, runner.undrain)) this.#watchJobs();
  }

  /** Looks again as soon as the jobs of the last look are gone; asks for these alone, which costs next to nothing. */
  #watchJobs(): void {
    const { clock } = this.#deps;
    const pids = this.#jobPids;
    const ask = () => {
      if (this.#ended) return;
      if (pids.some((pid) => sendSignal(pid, 0))) this.#cancelWatch = clock.after(JOB_END_MS, ask);
      else this.#look();
    };
    this.#cancelWatch();
    this.#cancelWatch = clock.after(JOB_END_MS, ask);
  }

  #order(order: RunnerOrder, told: 'open' | 'closed', table: readonly ProcessInfo[]): void {
    if (order.tag === 'signal') {
      this.#outcome(told, this.#signal(order.signal, table));
      return;
    }
    const pid = this.#keeper.process?.pid;
    this.#intake = { ...this.#intake, ordering: true };
    void this.#runProgram(order.argv, ORDER_MS, this.#deps.leave).then((problem) => {
      this.#intake = { ...this.#intake, ordering: false };
      if (this.#keeper.process?.pid !== pid) return; // another one was not told anything
      this.#outcome(told, problem);
      this.#report();
    });
  }

  #outcome(told: 'open' | 'closed', problem: string | null): void {
    if (problem === null) this.#intake = { ...this.#intake, told };
    if (problem !== null && problem !== this.#complaint) {
      const what = told === 'closed' ? 'take no more jobs' : 'take jobs again';
      this.#deps.log.warn(`the runner could not be told to ${what}; it is tried again`, {
        event: 'runner-intake',
        error: problem,
      });
    }
    this.#complaint = problem;
  }

  #signal(name: NodeJS.Signals, table: readonly ProcessInfo[]): string | null {
    const { processes, runner } = this.#deps;
    const family = familyOf(table, this.#keeper.marks, processes.ownPid);
    return signalRunner(name, family, this.#keeper.process?.pid, runner.busy.shape, processes);
  }

  #onExit(exit: Parameters<KeeperDeps['events']['exited']>[0]): void {
    const asked = this.#intake.told === 'closed' || (this.#intake.ordering && this.#intake.wanted === 'closed');
    if (!asked) {
      this.#survey();
      this.#deps.events.exited({ ...exit, left: this.#running });
      return;
    }
    this.#intake = { ...this.#intake, told: 'closed' };
    this.#deps.log.info('the runner left, as it was asked to', { event: 'runner-intake', reason: exit.why });
    this.#look();
  }
}
