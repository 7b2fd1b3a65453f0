import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import { type Random, randomToken } from '../platform/random.ts';
import type { MethodHandler } from '../rpc/server.ts';
import { HubAdministration } from './administration.ts';
import { Ages } from './ages.ts';
import { Changes } from './changes.ts';
import { Core } from './core.ts';
import { Fleet } from './fleet.ts';
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
import { workerService } from './rpc/worker-service.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import type { SecretVault } from './secrets/vault.ts';
import type { SourceAccess } from './source/source-access.ts';
import { largestId } from './store/builds.ts';
import type { Database } from './store/database.ts';
import { IdSource } from './store/ids.ts';
import { listWorkerRecords } from './store/workers.ts';
import { Sweeper } from './sweeper.ts';
import { TaskLife } from './task-life.ts';
import { WorkerDesk } from './worker-desk.ts';

export interface HeartDeps {
  readonly store: Database;
  readonly logs: HubLogs;
  readonly source: SourceAccess;
  readonly vault: Pick<SecretVault, 'find'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The hub without its doors: state, decisions, and the handlers of both gRPC services. */
export interface Heart {
  readonly core: HubCore;
  /** Pools, tokens and workers for operators. */
  readonly administration: Administration;
  /** What people do to tasks and builds. */
  readonly control?: TaskControl;
  readonly ids: IdSource;
  readonly handlers: readonly MethodHandler[];
  /** Answers all held polls, now and from now on, so that the calls behind them end. */
  release(): void;
  /** Ends the timers and stores what is left to store; call it when no call runs any more. */
  stop(): Promise<void>;
}

/** Puts the parts together over an open store and takes up what an earlier life of the hub has left. */
export async function startHeart({ store, logs, source, vault, clock, random, log }: HeartDeps): Promise<Heart> {
  const fleet = new Fleet(clock);
  const ages = new Ages(clock);
  const bus = await store.openBus(randomToken(8));
  const stopped = new AbortController();
  const changes = new Changes(bus, stopped.signal);
  for (const record of await store.read(listWorkerRecords)) fleet.restore(record);
  const ids = new IdSource(await store.read(largestId), clock.wallMs, random);
  const scheduler = new Scheduler({ store, fleet, changes, ages, clock, log });
  const life = new TaskLife({ store, fleet, scheduler, changes, ages, clock, log });
  const desk = new WorkerDesk({ store, fleet, scheduler, life, changes, clock, log });
  const registration = new Registration({ store, fleet, changes, ids, clock, log });
  const sweeper = new Sweeper({ store, fleet, scheduler, life, changes, ages, clock, log });
  const auth = new Authenticator(store, fleet, clock);
  const sweeping = Promise.all([sweeper.run(stopped.signal), logs.run(stopped.signal)]);
  void scheduler.request();
  return {
    core: new Core({ store, fleet, scheduler, logs: new LogReader(store, logs.storage), changes, ids, clock }),
    administration: new HubAdministration({ store, fleet, desk, changes, ids, clock }),
    ids,
    handlers: [
      ...workerService(registration, desk, life, auth),
      ...agentService(new Commands(store, source, vault), life, auth, log),
      ...logService(new LogIntake(store, logs.storage, changes), store, auth),
    ],
    release: () => fleet.close(),
    async stop() {
      fleet.close();
      stopped.abort();
      await sweeping;
      await scheduler.idle();
      await sweeper.saveSeen();
      await logs.storage.close();
      await bus.close();
    },
  };
}
