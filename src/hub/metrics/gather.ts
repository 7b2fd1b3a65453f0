import type { Clock } from '../../platform/clock.ts';
import { BUILD } from '../../platform/version.ts';
import type { HubCore } from '../model.ts';
import { countAll } from '../store/counts.ts';
import type { Database } from '../store/database.ts';
import type { HubFigures } from './metrics.ts';
import type { RequestCounts } from './request-counts.ts';

export interface GatherDeps {
  readonly store: Database;
  readonly core: Pick<HubCore, 'listWorkers'>;
  readonly requests: RequestCounts;
  readonly clock: Pick<Clock, 'wallMs' | 'monoMs'>;
  readonly startedMonoMs: number;
  readonly isDraining: () => boolean;
}

/** Everything that `/metrics` tells, as it stands now. */
export async function gatherFigures(deps: GatherDeps): Promise<HubFigures> {
  const { store, core, requests, clock, startedMonoMs, isDraining } = deps;
  const { tasks, builds, waitingSinceMs } = await store.read(countAll);
  const workers = Object.entries(
    Object.groupBy(await core.listWorkers(), ({ pool, paused, online }) =>
      JSON.stringify([pool, paused ? 'paused' : online ? 'online' : 'offline']),
    ),
  ).map(([key, members = []]) => {
    const [pool, state] = JSON.parse(key) as [string, 'online' | 'offline' | 'paused'];
    return { pool, state, count: members.length };
  });
  const { user, system } = process.cpuUsage();
  return {
    version: BUILD.version,
    draining: isDraining(),
    workers,
    tasks,
    builds,
    oldestWaitSeconds: waitingSinceMs === null ? 0 : Math.max(0, clock.wallMs() - waitingSinceMs) / 1_000,
    requests: requests.list(),
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    upSeconds: (clock.monoMs() - startedMonoMs) / 1_000,
  };
}
