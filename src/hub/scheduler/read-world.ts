import type { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';
import type { Queries } from '../store/database.ts';
import { placedInPool, placedOn } from '../store/placed.ts';
import { headsOf, type QueueClass, type QueueEntry } from '../store/queue.ts';
import type { PoolRoom, QueuedTask, World } from './world.ts';

export interface WorldInput {
  readonly queues: readonly QueueClass[];
  readonly members: readonly Member[];
  readonly fleet: Fleet;
  readonly reservations: ReadonlyMap<string, number>;
  readonly hubMs: number;
}

/** Of each queue, so many tasks are placed in one pass at most. */
const HEADS = 64;

function toTask(entry: QueueEntry, hubMs: number): QueuedTask {
  const { taskId, repository, turn, queuedHubMs, avoidWorkerId, stateful } = entry;
  return { id: taskId, repository, turn, waitedMs: Math.max(0, hubMs - queuedHubMs), avoid: avoidWorkerId, stateful };
}

async function roomOf(sql: Queries, members: readonly Member[], fleet: Fleet): Promise<PoolRoom[]> {
  const pools = new Map(members.map(({ record }) => [record.poolId, record.pool]));
  const rooms: PoolRoom[] = [];
  for (const [id, pool] of pools) {
    const { maxTasks } = fleet.settingsOf(id);
    if (maxTasks !== null) rooms.push({ pool, left: Math.max(0, maxTasks - (await placedInPool(sql, id))) });
  }
  return rooms;
}

/** The world that a pass decides in, by what is stored in this very moment. */
export async function readWorld(sql: Queries, input: WorldInput): Promise<World> {
  const { queues, members, fleet, reservations, hubMs } = input;
  const placed = await placedOn(
    sql,
    members.map(({ record }) => record.id),
  );
  const heads = new Map<string, QueuedTask[]>();
  for (const { classId } of queues) {
    heads.set(
      classId,
      (await headsOf(sql, classId, HEADS)).map((entry) => toTask(entry, hubMs)),
    );
  }
  return {
    queues: queues.map(({ classId, labels, resources, isolation }) => ({
      id: classId,
      labels,
      resources,
      isolation,
      heads: heads.get(classId) ?? [],
      reserved: reservations.get(classId) ?? null,
    })),
    workers: members.map((member) => fleet.view(member, placed.get(member.record.id) ?? [])),
    pools: await roomOf(sql, members, fleet),
  };
}
