import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { PollRequest, PollResponse_AgentAwareTask, WorkerInfo } from '../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { Changes } from './changes.ts';
import type { Fleet } from './fleet.ts';
import type { Member } from './member.ts';
import { agentTask } from './scheduler/agent-task.ts';
import { soundAmounts } from './scheduler/matching.ts';
import { DOUBT_MS, type Reconciled, reconcile } from './scheduler/reconcile.ts';
import type { Scheduler } from './scheduler/scheduler.ts';
import type { Database } from './store/database.ts';
import { recordDecision } from './store/decisions.ts';
import { resourcesOf } from './store/placed.ts';
import { isolationKey } from './store/task-definition.ts';
import { findTask, patchTask, placedTasks, type TaskRecord } from './store/tasks.ts';
import { saveWorker } from './store/workers.ts';
import type { TaskLife } from './task-life.ts';
import { holdable } from './wait-release.ts';
import { foreignUse, sameMap } from './worker-use.ts';

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

/** Of the tasks that a worker names and that are not its own, so many are looked up. */
const MAX_GHOSTS = 100;

/** Ids that are none of ours come as any text. */
const idOf = (id: string) => (/^\d{1,15}$/.test(id) ? Number(id) : -1);

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
    const { fleet } = this.deps;
    member.session = session;
    fleet.saw(member);
    const [standby] = request.availableStandbyInstancesInformation;
    member.standby = isolationKey(standby?.parameters?.isolation);
    await this.#updateInfo(member, request.workerInfo);
    const found = await this.#reconcile(member, session, request);
    const urgent = member.undelivered.length > 0 || found.stop.some((id) => !member.told.has(id));
    const hold = !urgent && !fleet.closing && !signal.aborted;
    const end = hold ? await this.#hold(member, found, signal) : 'released';
    if (end === 'superseded') return { start: [], stop: [] }; // a newer poll of the worker takes all along
    if (signal.aborted) throw new RpcError('CANCELLED', 'the worker has gone'); // what is undelivered stays for its next poll
    fleet.saw(member);
    // nothing has been told of the worker while a poll ran out, so there is nothing to look up
    const demanded = end === 'released' ? await this.#mustStop(member) : new Set<string>();
    const owed = member.undelivered.splice(0);
    const cancelled = new Set(owed.map(({ taskId }) => taskId).filter((id) => demanded.delete(id)));
    for (const id of cancelled) await this.deps.life.stopped(Number(id)); // it was cancelled before the worker heard of it
    const stop = [...new Set([...found.stop, ...demanded])];
    for (const id of stop) member.told.add(id);
    return { start: owed.filter(({ taskId }) => !cancelled.has(taskId)), stop };
  }

  /**
   * Holds the poll open until there is something to say, for as long as the pool wants; where it wants none, for as long
   * as the scheduler needs. Resolves with what ended it: something to say, time, or a newer poll of the worker.
   */
  async #hold(member: Member, found: Reconciled, signal: AbortSignal): Promise<'released' | 'quiet' | 'superseded'> {
    const { fleet, scheduler, clock } = this.deps;
    member.poll?.release();
    const held = holdable();
    fleet.holds(member, held);
    const placed = scheduler.workerReady(member.record.id);
    const holdMs = Math.min(HOLD_MS, fleet.settingsOf(member.record.poolId).maxHoldSeconds * 1000);
    const maxMs = found.missedSince.size > 0 ? Math.min(DOUBT_MS, holdMs) : holdMs;
    const released = holdMs === 0 ? placed.then(() => true) : held.wait(maxMs, clock, signal);
    const hasNews = await released;
    if (member.poll !== held) return 'superseded';
    fleet.holds(member, undefined);
    return hasNews ? 'released' : 'quiet';
  }

  async #mustStop({ record }: Member): Promise<Set<string>> {
    const placed = await this.deps.store.read((sql) => placedTasks(sql, record.id));
    return new Set(placed.filter(({ mustStop }) => mustStop).map(({ id }) => String(id)));
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
    const owed = [...member.undelivered];
    const all = await store.read((sql) => placedTasks(sql, member.record.id));
    this.#forgetStale(member, owed, all, reported);
    const waiting = new Set(member.undelivered.map(({ taskId }) => taskId));
    const placed = all.filter(({ id }) => !waiting.has(String(id)));
    member.running = all.map(({ resources }) => resources);
    await this.#lookAtForeign(member, request, placed, reported);
    const found = reconcile({ placed, reported, session, missedSince: member.missedSince, nowMs: clock.monoMs() });
    member.missedSince = found.missedSince;
    for (const id of found.freed) await life.stopped(id);
    for (const { id, status } of found.lost) await life.lost(id, this.#lossReason(member.record.name, status));
    if (found.freed.length + found.lost.length > 0) member.running = undefined;
    const again = placed.filter(({ id }) => found.handOutAgain.includes(id));
    for (const task of again) await this.#handOutAgain(member, session, task);
    return found;
  }

  /** Of what was owed before `placed` was read, the worker may have got some from another hub meanwhile. */
  #forgetStale(
    member: Member,
    owed: readonly PollResponse_AgentAwareTask[],
    placed: readonly TaskRecord[],
    reported: ReadonlySet<string>,
  ): void {
    const due = new Set(placed.filter(({ status }) => status === 'SCHEDULED').map(({ id }) => String(id)));
    const stale = new Set(owed.filter(({ taskId }) => !due.has(taskId) || reported.has(taskId)));
    if (stale.size > 0) member.undelivered = member.undelivered.filter((task) => !stale.has(task));
  }

  /** What runs there besides the tasks that are placed on it: runs that were given up, and tasks of other hubs. */
  async #lookAtForeign(member: Member, request: PollRequest, placed: readonly TaskRecord[], reported: Set<string>) {
    const known = placed.filter(({ id }) => reported.has(String(id)));
    const own = new Set([...known.map(({ id }) => String(id)), ...member.undelivered.map(({ taskId }) => taskId)]);
    const ghosts = [...reported].filter((id) => !own.has(id)).slice(0, MAX_GHOSTS);
    member.ghosts = ghosts.length === 0 ? [] : await this.deps.store.read((sql) => resourcesOf(sql, ghosts.map(idOf)));
    const used = [...known.map(({ resources }) => resources), ...member.ghosts];
    member.foreign = foreignUse(soundAmounts(request.resourcesInUse), used);
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
      const newest = await findTask(sql, task.id);
      if (newest?.status !== 'SCHEDULED' || newest.workerId !== member.record.id) return undefined;
      await patchTask(sql, task.id, { session, handouts: task.handouts + 1 });
      const reason = 'the worker does not know it and never started it';
      await recordDecision(sql, { kind: 'handed-out-again', taskId: task.id, worker, reason }, clock.wallMs());
      return agentTask(sql, task);
    });
    if (message === undefined) return; // it was cancelled or given up meanwhile
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
    void this.deps.scheduler.workerReady(record.id);
  }

  /** Ids of the tasks that hold a place on the worker and have not ended. */
  async runningTasks({ record }: Member): Promise<string[]> {
    const placed = await this.deps.store.read((sql) => placedTasks(sql, record.id));
    return placed.map(({ id }) => String(id));
  }
}
