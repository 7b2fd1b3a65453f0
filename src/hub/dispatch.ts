import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { HubTime } from './ages.ts';
import { Changes } from './changes.ts';
import { Explainer } from './explainer.ts';
import { Fleet } from './fleet.ts';
import { QueueWatch } from './queue-watch.ts';
import { Roster } from './roster.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { adoptOldTasks } from './store/adopt-old-tasks.ts';
import { largestId } from './store/builds.ts';
import type { Bus } from './store/bus.ts';
import type { Database } from './store/database.ts';
import { readHubNumber } from './store/hub-state.ts';
import { IdSource } from './store/ids.ts';
import { listPools } from './store/pools.ts';
import { listReports } from './store/supervisors.ts';
import { listWorkerRecords } from './store/workers.ts';
import { endOf } from './supervisor-view.ts';
import { Sweeper } from './sweeper.ts';
import { HubTaskControl } from './task-control.ts';
import { TaskLife } from './task-life.ts';
import { WorkerDesk } from './worker-desk.ts';

export interface DispatchDeps {
  readonly store: Database;
  readonly bus: Bus;
  /** Names this hub among those on its database. */
  readonly hub: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** What gives tasks to workers and looks after them, without the doors that they come through. */
export type Dispatch = Awaited<ReturnType<typeof openDispatch>>;

interface Informed {
  readonly store: Database;
  readonly scheduler: Scheduler;
  readonly fleet: Fleet;
  readonly roster: Roster;
  readonly log: Logger;
}

/** Lets those who wait in memory act on what was stored, by this hub or another on the same database. */
function listenToNews(bus: Bus, { store, scheduler, fleet, roster, log }: Informed, signal: AbortSignal) {
  const failed = (error: unknown) => log.warn('news could not be followed', { error: String(error) });
  const lookAnew = async () => {
    await roster.sync();
    await store.read((sql) => scheduler.queues.load(sql));
    for (const { record } of fleet.ready()) void scheduler.workerFreed(record.id);
  };
  bus.subscribe((news) => {
    if (news.kind === 'queued') scheduler.queued([news.classId]);
    // the open poll is answered after the next pass, so that the answer brings the task that fits now
    else if (news.kind === 'wake') void scheduler.workerFreed(news.workerId).then(() => fleet.wake(news.workerId));
    else if (news.kind === 'fleet') roster.soon();
    else if (news.kind === 'resync') void lookAnew().catch(failed);
  }, signal);
}

/** Takes up what an earlier life of the hub has left in the store. Listens to the bus until `signal` aborts. */
export async function openDispatch({ store, bus, hub, clock, random, log }: DispatchDeps, signal: AbortSignal) {
  const fleet = new Fleet(clock);
  for (const record of await store.read((sql) => listWorkerRecords(sql))) fleet.restore(record);
  for (const [name, report] of await store.read(listReports)) fleet.endsAt(name, endOf(report));
  fleet.setPools(await store.read(listPools));
  const time = new HubTime(await store.read((sql) => readHubNumber(sql, 'time')), clock);
  const ids = new IdSource(await store.read(largestId), clock.wallMs, random);
  const roster = new Roster({ store, fleet, ids, hub, clock, log });
  await roster.sync();
  await store.write((sql) => adoptOldTasks(sql, time.now()));
  const changes = new Changes(bus, signal);
  const scheduler = new Scheduler({ store, fleet, bus, time, log });
  await store.read((sql) => scheduler.queues.load(sql));
  listenToNews(bus, { store, scheduler, fleet, roster, log }, signal);
  const life = new TaskLife({ store, bus, time, ids, log });
  const queueWatch = new QueueWatch({ store, fleet, scheduler, life, time });
  return {
    fleet,
    roster,
    time,
    ids,
    changes,
    scheduler,
    life,
    desk: new WorkerDesk({ store, fleet, scheduler, life, changes, clock, log }),
    sweeper: new Sweeper({ store, fleet, roster, queueWatch, life, changes, time, clock, log }),
    explainer: new Explainer({ store, fleet, scheduler, queueWatch, time }),
    tasks: new HubTaskControl({ store, bus, time, ids }),
  };
}
