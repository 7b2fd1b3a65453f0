import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { EndedTask } from './audit.ts';
import type { AuditResult, Snapshot } from './facts.ts';

export interface AuditorDeps {
  /** See `takeSnapshot` and `auditAfterTask`, with their ports bound. */
  readonly snapshot: (task: EndedTask, signal: AbortSignal) => Promise<Snapshot>;
  readonly audit: (before: Snapshot, task: EndedTask, signal: AbortSignal) => Promise<AuditResult>;
  readonly workerPid: () => number | undefined;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
  /** Takes each result; the supervisor turns it into an event. */
  readonly audited: (taskId: string, result: AuditResult) => void;
}

/** Sees tasks come and go in the worker's reports, and has each audited after its end, one at a time. */
export class TaskAuditor {
  readonly #deps: AuditorDeps;
  readonly #signal: AbortSignal;
  #running: readonly string[] = [];
  #before: Snapshot | undefined;
  #work: Promise<void>;

  /** The first snapshot is taken at once, before any task. All ends when `signal` aborts. */
  constructor(deps: AuditorDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#work = this.#safely(() => this.#renew(this.#task('')));
  }

  /** The ids of the tasks that the worker runs, after every change. */
  report(running: readonly string[]): void {
    const ended = this.#running.filter((id) => !running.includes(id));
    this.#running = running;
    for (const id of ended) {
      const task = this.#task(id);
      this.#work = this.#work.then(() => this.#safely(() => this.#audit(task)));
    }
  }

  /** Resolves when nothing is left to do. */
  idle(): Promise<void> {
    return this.#work;
  }

  #task(taskId: string): EndedTask {
    const { clock, workerPid } = this.#deps;
    return { taskId, endedWallMs: clock.wallMs(), running: () => this.#running, workerPid: workerPid() };
  }

  async #renew(task: EndedTask): Promise<void> {
    const fresh = await this.#deps.snapshot(task, this.#signal);
    // beside a running task, what cannot be attributed stays new until nothing runs
    const kept = this.#before === undefined || this.#running.length === 0 ? fresh : this.#before;
    this.#before = { ...kept, watched: fresh.watched };
  }

  async #audit(task: EndedTask): Promise<void> {
    const { audit, log, audited } = this.#deps;
    if (this.#before === undefined) await this.#renew(task);
    if (this.#before === undefined) return;
    const result = await audit(this.#before, task, this.#signal);
    if (this.#signal.aborted) return;
    const fields = { event: 'audit', taskId: task.taskId, verdict: result.verdict, reasons: result.reasons };
    if (result.verdict === 'dirty') log.warn('a task left something behind', fields);
    else log.info('a task was audited', fields);
    audited(task.taskId, result);
    await this.#renew(task);
  }

  async #safely(work: () => Promise<void>): Promise<void> {
    if (this.#signal.aborted) return;
    try {
      await work();
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#deps.log.warn('what tasks leave cannot be told', { event: 'audit', error: describeError(error) });
    }
  }
}
