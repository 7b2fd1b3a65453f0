import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import { type Random, randomToken } from '../platform/random.ts';
import type { MethodHandler } from '../rpc/server.ts';
import { HubAdministration } from './administration.ts';
import { HubTime } from './ages.ts';
import { ArtifactReader } from './blobs/artifact-reader.ts';
import type { BlobDoor } from './blobs/blob-door.ts';
import type { BlobKeeper } from './blobs/keeper.ts';
import { type ContentOptions, openContent } from './blobs/open-content.ts';
import { Changes } from './changes.ts';
import { Control } from './control.ts';
import { Core } from './core.ts';
import { Explainer } from './explainer.ts';
import { Fleet } from './fleet.ts';
import { LogIntake } from './log-intake.ts';
import { LogReader } from './logs/log-reader.ts';
import type { HubLogs } from './logs/open-logs.ts';
import type { HubCore, TaskControl } from './model.ts';
import type { Administration } from './pool-model.ts';
import { QueueWatch } from './queue-watch.ts';
import { Registration } from './registration.ts';
import { Roster } from './roster.ts';
import { agentService } from './rpc/agent-service.ts';
import { Authenticator } from './rpc/authenticate.ts';
import { Commands } from './rpc/initial-commands.ts';
import { logService } from './rpc/log-service.ts';
import { reportService } from './rpc/report-service.ts';
import { workerService } from './rpc/worker-service.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import type { SecretVault } from './secrets/vault.ts';
import type { SourceAccess } from './source/source-access.ts';
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

export interface HeartDeps {
  readonly store: Database;
  readonly logs: HubLogs;
  readonly source: SourceAccess;
  readonly vault: Pick<SecretVault, 'find'>;
  readonly content: ContentOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The hub without its doors: state, decisions, and the handlers of both gRPC services. */
export interface Heart {
  readonly core: HubCore;
  /** What people may ask of tasks and builds. */
  readonly control: TaskControl;
  /** Pools, tokens and workers for operators. */
  readonly administration: Administration;
  /** Keeps caches and artifacts within their limits, while it runs. */
  readonly keeper: BlobKeeper;
  /** Answers everything below `/blobs/`. */
  readonly door: BlobDoor;
  readonly artifacts: ArtifactReader;
  readonly ids: IdSource;
  readonly handlers: readonly MethodHandler[];
  /** Answers all held polls, now and from now on, so that the calls behind them end. */
  release(): void;
  /** Ends the timers and stores what is left to store; call it when no call runs any more. */
  stop(): Promise<void>;
}

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

/** Puts the parts together over an open store and takes up what an earlier life of the hub has left. */
export async function startHeart({
  store,
  logs,
  source,
  vault,
  content: options,
  clock,
  random,
  log,
}: HeartDeps): Promise<Heart> {
  const fleet = new Fleet(clock);
  const time = new HubTime(await store.read((sql) => readHubNumber(sql, 'time')), clock);
  const hub = randomToken(8);
  const bus = await store.openBus(hub);
  const stopped = new AbortController();
  const changes = new Changes(bus, stopped.signal);
  for (const record of await store.read((sql) => listWorkerRecords(sql))) fleet.restore(record);
  const ids = new IdSource(await store.read(largestId), clock.wallMs, random);
  const roster = new Roster({ store, fleet, ids, hub, clock, log });
  await roster.sync();
  const scheduler = new Scheduler({ store, fleet, bus, time, log });
  const life = new TaskLife({ store, bus, time, ids, log });
  const desk = new WorkerDesk({ store, fleet, scheduler, life, changes, clock, log });
  listenToNews(bus, { store, scheduler, fleet, roster, log }, stopped.signal);
  const registration = new Registration({ store, fleet, roster, changes, ids, clock, log });
  const queueWatch = new QueueWatch({ store, fleet, scheduler, life, time });
  const sweeper = new Sweeper({ store, fleet, roster, queueWatch, life, changes, time, clock, log });
  const auth = new Authenticator(store, fleet, roster, clock);
  const content = openContent(options, { store, auth, clock, log });
  fleet.setPools(await store.read(listPools));
  for (const [name, report] of await store.read(listReports)) fleet.endsAt(name, endOf(report));
  await store.write((sql) => adoptOldTasks(sql, time.now()));
  await store.read((sql) => scheduler.queues.load(sql));
  const work = [sweeper.run(stopped.signal), logs.run(stopped.signal)];
  const explainer = new Explainer({ store, fleet, scheduler, queueWatch, time });
  const tasks = new HubTaskControl({ store, bus, time, ids });
  const reader = new LogReader(store, logs.storage);
  const core = new Core({ store, fleet, explainer, control: tasks, logs: reader, changes, bus, time, ids, clock });
  const reports = { store, life, changes, clock, log };
  return {
    core,
    control: new Control({ store, core, explainer, tasks }),
    administration: new HubAdministration({ store, fleet, desk, changes, ids, clock }),
    keeper: content.keeper,
    door: content.door,
    artifacts: new ArtifactReader(content.desk),
    ids,
    handlers: [
      ...workerService(registration, desk, life, auth),
      ...agentService(new Commands(store, source, vault), reports, auth),
      ...reportService(reports, auth),
      ...logService(new LogIntake(store, logs.storage, changes), store, auth),
      ...content.handlers,
    ],
    release: () => fleet.close(),
    async stop() {
      fleet.close();
      stopped.abort();
      await Promise.all(work);
      await scheduler.idle();
      await sweeper.saveSeen();
      await sweeper.saveTime();
      await roster.leave();
      await logs.storage.close();
      await bus.close();
    },
  };
}
