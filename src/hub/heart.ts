import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { MethodHandler } from '../rpc/server.ts';
import { HubAdministration } from './administration.ts';
import { ArtifactReader } from './blobs/artifact-reader.ts';
import type { BlobDoor } from './blobs/blob-door.ts';
import type { BlobKeeper } from './blobs/keeper.ts';
import { type ContentOptions, openContent } from './blobs/open-content.ts';
import { Control } from './control.ts';
import { Core } from './core.ts';
import type { DiskWatch } from './disk-watch.ts';
import { openDispatch } from './dispatch.ts';
import { LogIntake } from './log-intake.ts';
import { LogReader } from './logs/log-reader.ts';
import type { HubLogs } from './logs/open-logs.ts';
import type { HubCore, TaskControl } from './model.ts';
import type { Administration } from './pool-model.ts';
import { Registration } from './registration.ts';
import { agentService } from './rpc/agent-service.ts';
import { Authenticator } from './rpc/authenticate.ts';
import { Commands } from './rpc/initial-commands.ts';
import { logService } from './rpc/log-service.ts';
import { reportService } from './rpc/report-service.ts';
import { workerService } from './rpc/worker-service.ts';
import type { SecretVault } from './secrets/vault.ts';
import type { SourceAccess } from './source/source-access.ts';
import type { Database } from './store/database.ts';
import type { IdSource } from './store/ids.ts';

export interface HeartDeps {
  readonly store: Database;
  /** Names this hub among those on the database. */
  readonly hub: string;
  readonly logs: HubLogs;
  readonly disk: DiskWatch;
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

/** Puts the parts together over an open store and takes up what an earlier life of the hub has left. */
export async function startHeart({
  store,
  hub,
  logs,
  disk,
  source,
  vault,
  content: options,
  clock,
  random,
  log,
}: HeartDeps): Promise<Heart> {
  const bus = await store.openBus(hub);
  const stopped = new AbortController();
  const dispatch = await openDispatch({ store, bus, hub, clock, random, log }, stopped.signal);
  const { fleet, roster, time, ids, changes, scheduler, life, desk, sweeper, explainer, tasks } = dispatch;
  const registration = new Registration({ store, fleet, roster, changes, ids, clock, log });
  const auth = new Authenticator(store, fleet, roster, clock);
  const content = openContent(options, { store, auth, clock, log });
  const suspendOrGoOn = () => {
    fleet.suspended = disk.isFull;
    for (const { record } of fleet.ready()) void scheduler.workerFreed(record.id);
  };
  suspendOrGoOn();
  const work = [sweeper.run(stopped.signal), logs.run(stopped.signal), disk.run(suspendOrGoOn, stopped.signal)];
  const reader = new LogReader(store, logs.storage);
  const core = new Core({
    store,
    fleet,
    explainer,
    control: tasks,
    logs: reader,
    disk,
    changes,
    bus,
    time,
    ids,
    clock,
  });
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
