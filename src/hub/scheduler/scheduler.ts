import { create } from '@bufbuild/protobuf';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import {
  type PollResponse_AgentAwareTask,
  PollResponse_AgentAwareTaskSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Ages } from '../ages.ts';
import type { Changes } from '../changes.ts';
import type { Fleet, Member } from '../fleet.ts';
import type { Database, Queries } from '../store/database.ts';
import { recordDecision } from '../store/decisions.ts';
import { decodeTask, placementOf } from '../store/task-definition.ts';
import { definitionOf, patchTask, placedTasks, queuedTasks, type TaskRecord } from '../store/tasks.ts';
import { type Assignment, assign } from './assign.ts';
import type { Waiting } from './explain.ts';
import type { SchedulerWorker } from './matching.ts';

export interface SchedulerDeps {
  readonly store: Database;
  readonly fleet: Fleet;
  readonly changes: Changes;
  readonly ages: Ages;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly log: Logger;
}

interface Delivery {
  readonly member: Member;
  readonly task: PollResponse_AgentAwareTask;
  readonly buildId: number;
}

/** What a worker needs to start the task (wire protocol, section 8.1). */
export async function agentTask(sql: Queries, task: TaskRecord): Promise<PollResponse_AgentAwareTask> {
  const { isolation, resources } = placementOf(decodeTask(await definitionOf(sql, task.id)));
  return create(PollResponse_AgentAwareTaskSchema, {
    taskId: String(task.id),
    oldTaskId: BigInt(task.id),
    clientSecret: task.clientSecret,
    serverSecret: task.serverSecret,
    resourcesToUse: resources,
    ...(isolation === undefined ? {} : { isolation }),
  });
}

/** Runs the pure scheduler when something has changed, and carries its plan out: one transaction, then the answers. */
export class Scheduler {
  #running: Promise<void> | undefined;
  #wanted = false;
  #next = Promise.withResolvers<void>();
  #waiting: ReadonlyMap<number, Waiting> = new Map();

  constructor(private readonly deps: SchedulerDeps) {}

  /** Why that task waits, by the last pass; undefined when it does not. */
  waitingOf(taskId: number): Waiting | undefined {
    return this.#waiting.get(taskId);
  }

  /** Asks for a pass; resolves after one that began later than this call. Requests that come meanwhile share it. */
  request(): Promise<void> {
    this.#wanted = true;
    const { promise } = this.#next;
    this.#running ??= this.#passes();
    return promise;
  }

  /** Resolves when no pass is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #passes(): Promise<void> {
    while (this.#wanted) {
      const pass = this.#next;
      this.#next = Promise.withResolvers();
      this.#wanted = false;
      try {
        await this.#pass();
      } catch (error) {
        this.deps.log.error('scheduling failed', { error: String(error) });
      }
      pass.resolve();
    }
    this.#running = undefined;
  }

  async #pass(): Promise<void> {
    const { store, fleet, changes } = this.deps;
    const deliveries = await store.write(async (sql) => {
      const queue = await queuedTasks(sql);
      if (queue.length === 0) {
        this.#explain(queue, new Map());
        return [];
      }
      const plan = assign(
        queue.map((task) => ({ ...task, waitedMs: this.#waited(task) })),
        this.#workers(await placedTasks(sql)),
      );
      this.#explain(queue, plan.waiting);
      return this.#place(sql, queue, plan.assignments);
    });
    for (const { member, task, buildId } of deliveries) {
      member.undelivered.push(task);
      fleet.wake(member.record.id);
      changes.notify(buildId);
    }
  }

  #waited({ id, triggeredMs, createdMs }: TaskRecord): number {
    return this.deps.ages.ageMs(`queued ${id}`, triggeredMs ?? createdMs);
  }

  #workers(placed: readonly TaskRecord[]): SchedulerWorker[] {
    const { fleet } = this.deps;
    const running = Map.groupBy(placed, ({ workerId }) => workerId);
    return fleet.members().map((member) => ({
      id: member.record.id,
      name: member.record.name,
      labels: member.record.labels,
      resources: member.record.resources,
      state:
        member.record.disabled || member.record.draining ? 'paused' : fleet.isOnline(member) ? 'online' : 'offline',
      ready: member.poll !== undefined,
      running: (running.get(member.record.id) ?? []).map(({ resources }) => resources),
      foreign: member.foreign,
    }));
  }

  #explain(queue: readonly TaskRecord[], waiting: ReadonlyMap<number, Waiting>): void {
    const before = this.#waiting;
    this.#waiting = waiting;
    for (const { id, buildId } of queue) {
      if (before.get(id)?.reason !== waiting.get(id)?.reason) this.deps.changes.notify(buildId);
    }
  }

  async #place(sql: Queries, queue: readonly TaskRecord[], plan: readonly Assignment[]): Promise<Delivery[]> {
    const { fleet, clock, log, ages } = this.deps;
    const deliveries: Delivery[] = [];
    for (const { taskId, workerId } of plan) {
      const member = fleet.get(workerId);
      const task = queue.find(({ id }) => id === taskId);
      if (member === undefined || task === undefined) continue;
      const worker = member.record.name;
      await patchTask(sql, taskId, {
        status: 'SCHEDULED',
        reason: null,
        workerId,
        workerName: worker,
        session: member.session ?? null,
        handouts: 1,
        slotHeld: true,
      });
      await recordDecision(sql, { kind: 'placed', taskId, worker, reason: 'first in line that fits' }, clock.wallMs());
      deliveries.push({ member, task: await agentTask(sql, task), buildId: task.buildId });
      ages.forget(`queued ${taskId}`);
      log.info('task placed', { taskId: String(taskId), workerName: worker });
    }
    return deliveries;
  }
}
