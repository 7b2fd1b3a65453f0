import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { PollRequest, PollResponse_AgentAwareTask, WorkerInfo } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { Changes } from './changes.ts';
import { type Fleet, foreignUse, type Member, sameMap } from './fleet.ts';
import { DOUBT_MS, type Reconciled, reconcile } from './scheduler/reconcile.ts';
import { agentTask, type Scheduler } from './scheduler/scheduler.ts';
import type { Database } from './store/database.ts';
import { recordDecision } from './store/decisions.ts';
import { patchTask, placedTasks, type TaskRecord } from './store/tasks.ts';
import { saveWorker } from './store/workers.ts';
import type { TaskLife } from './task-life.ts';
import { holdable } from './wait-release.ts';

/** Longest that a poll is held open. */
export const HOLD_MS = 20_000;

export interface WorkerDeskDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly scheduler: Scheduler;
  readonly life: TaskLife;
  readonly changes: Changes;
  readonly clock: Pick<Clock, 'after' | 'monoMs' | 'wallMs'>;
  readonly log: Logger;
}

/** What a poll is answered with. */
export interface PollAnswer {
  readonly start: readonly PollResponse_AgentAwareTask[];
  readonly stop: readonly string[];
}

/** Where registered workers come to: polls, with what they get. */
export class WorkerDesk {
  constructor(private readonly deps: WorkerDeskDeps) {}

  /** Holds the poll until there is something to do, at most 20 s, and answers it. */
  async poll(member: Member, session: string, request: PollRequest, signal: AbortSignal): Promise<PollAnswer> {
    const { fleet, scheduler, clock } = this.deps;
    member.session = session;
    fleet.saw(member);
    await this.#updateInfo(member, request.workerInfo);
    const found = await this.#reconcile(member, session, request);
    const urgent = member.undelivered.length > 0 || found.stop.some((id) => !member.told.has(id));
    if (!urgent && !fleet.closing && !signal.aborted) {
      member.poll?.release();
      const held = holdable();
      member.poll = held;
      void scheduler.request();
      await held.wait(found.missedSince.size > 0 ? DOUBT_MS : HOLD_MS, clock, signal);
      const superseded = member.poll !== held;
      if (superseded) return { start: [], stop: [] };
      member.poll = undefined;
    }
    if (signal.aborted) throw new RpcError('CANCELLED', 'the worker has gone'); // what is undelivered stays for its next poll
    fleet.saw(member);
    const demanded = await this.#mustStop(member);
    const stop = [...new Set([...found.stop, ...demanded])];
    for (const id of stop) member.told.add(id);
    return { start: member.undelivered.splice(0), stop };
  }

  async #mustStop({ record }: Member): Promise<string[]> {
    const placed = await this.deps.store.read((sql) => placedTasks(sql, record.id));
    return placed.filter(({ mustStop }) => mustStop).map(({ id }) => String(id));
  }

  /** Each poll repeats what the worker is and has; stored only when it differs. */
  async #updateInfo(member: Member, info: WorkerInfo | undefined): Promise<void> {
    if (info === undefined) return;
    const { labels, resourcesTotal: resources } = info;
    if (sameMap(labels, member.record.labels) && sameMap(resources, member.record.resources)) return;
    const record = { ...member.record, labels, resources, lastSeenMs: member.lastSeenMs };
    await this.deps.store.write((sql) => saveWorker(sql, record));
    member.record = record;
    this.deps.changes.notify();
  }

  async #reconcile(member: Member, session: string, request: PollRequest): Promise<Reconciled> {
    const { store, clock, life } = this.deps;
    const reported = new Set([...request.runningTasks, ...request.oldRunningTasks.map(String)]);
    for (const id of member.told) if (!reported.has(id)) member.told.delete(id);
    const waiting = new Set(member.undelivered.map(({ taskId }) => taskId));
    const all = await store.read((sql) => placedTasks(sql, member.record.id));
    const placed = all.filter(({ id }) => !waiting.has(String(id)));
    const known = placed.filter(({ id }) => reported.has(String(id)));
    member.foreign = foreignUse(
      request.resourcesInUse,
      known.map(({ resources }) => resources),
    );
    const found = reconcile({ placed, reported, session, missedSince: member.missedSince, nowMs: clock.monoMs() });
    member.missedSince = found.missedSince;
    for (const id of found.freed) await life.stopped(id);
    for (const { id, status } of found.lost) {
      const reason = this.#lossReason(member.record.name, status);
      await life.end(id, { status: 'FAILED', reason, decision: 'lost', place: 'free' });
    }
    const again = placed.filter(({ id }) => found.handOutAgain.includes(id));
    for (const task of again) await this.#handOutAgain(member, session, task);
    return found;
  }

  #lossReason(worker: string, status: TaskRecord['status']): string {
    return status === 'SCHEDULED'
      ? `worker ${worker} was given the task several times and never started it`
      : `worker ${worker} no longer runs it: the worker was restarted, or the task was lost there`;
  }

  async #handOutAgain(member: Member, session: string, task: TaskRecord): Promise<void> {
    const { store, clock, log } = this.deps;
    const worker = member.record.name;
    const message = await store.write(async (sql) => {
      await patchTask(sql, task.id, { session, handouts: task.handouts + 1 });
      const reason = 'the worker does not know it and never started it';
      await recordDecision(sql, { kind: 'handed-out-again', taskId: task.id, worker, reason }, clock.wallMs());
      return agentTask(sql, task);
    });
    member.undelivered.push(message);
    log.warn('task handed out again', { taskId: String(task.id), workerName: worker, attempt: task.handouts + 1 });
  }

  /**
   * Pauses or resumes hand-out to a worker. One that pauses itself drains, which ends with its session: its successor of
   * the same name must not come up paused. People's own pause holds until they take it back.
   */
  async setDisabled(member: Member, disabled: boolean, by: 'people' | 'worker'): Promise<void> {
    const record = { ...member.record, ...(by === 'people' ? { disabled } : { draining: disabled }) };
    await this.deps.store.write((sql) => saveWorker(sql, record));
    member.record = record;
    this.deps.changes.notify();
    this.deps.log.info(disabled ? 'worker paused' : 'worker resumed', { workerName: record.name, by });
    void this.deps.scheduler.request();
  }

  /** Ids of the tasks that hold a place on the worker and have not ended. */
  async runningTasks({ record }: Member): Promise<string[]> {
    const placed = await this.deps.store.read((sql) => placedTasks(sql, record.id));
    return placed.map(({ id }) => String(id));
  }
}
