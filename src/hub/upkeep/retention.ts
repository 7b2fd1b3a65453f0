import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { LogStorage } from '../logs/log-storage.ts';
import type { SourceStore } from '../source/source-store.ts';
import { compactChunks, scatteredLogs } from '../store/compact-chunks.ts';
import type { Database } from '../store/database.ts';
import { dropUnusedWorlds, forgetBuild, forgetLogs } from '../store/forget-builds.ts';
import { BACKUP_LEASE, isLeased, sharedNow } from '../store/hubs.ts';
import {
  buildsEndedBefore,
  buildsWithLogs,
  isRevisionNeeded,
  isTreeNeeded,
  type OldBuild,
  totalLogBytes,
} from '../store/old-builds.ts';

/** What is kept, and for how long. Builds that have not ended are always kept. */
export interface RetentionLimits {
  /** Since the end of a build; 0 = for ever. */
  readonly buildsMs: number;
  readonly logsMs: number;
  /** Of all logs together: those of the oldest builds go first; 0 = no limit. */
  readonly logBytes: number;
}

const DAY_MS = 24 * 3_600_000;

export const DEFAULT_RETENTION: RetentionLimits = {
  buildsMs: 90 * DAY_MS,
  logsMs: 30 * DAY_MS,
  logBytes: 50 * 2 ** 30,
};

const FIRST_MS = 5 * 60_000;
const EVERY_MS = 3_600_000;

/** Builds that are forgotten between two looks at the rest of the work. */
const BATCH = 50;

/** So long after its end, nobody comes back to a build to read on where they were. */
const SETTLED_MS = 3_600_000;

/** A page that somebody has open may still offer the artifacts of a build that is forgotten. */
const ARTIFACT_GRACE_MS = 3_600_000;

export interface RetentionDeps {
  readonly store: Database;
  readonly logs: LogStorage;
  readonly source: Pick<SourceStore, 'removeOldTrees' | 'removeRevisions'>;
  readonly clock: Pick<Clock, 'sleep' | 'wallMs'>;
  readonly log: Logger;
}

/** What one run has taken away. */
export interface Removed {
  builds: number;
  buildsWithoutLogs: number;
  trees: number;
}

/** Takes away what is too old or too much: builds, logs, work trees, what decisions were based on. */
export class Retention {
  constructor(
    private readonly deps: RetentionDeps,
    private readonly limits: RetentionLimits,
  ) {}

  /** Looks every hour until `signal` aborts; then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    for (let waitMs = FIRST_MS; !signal.aborted; waitMs = EVERY_MS) {
      try {
        await this.deps.clock.sleep(waitMs, signal);
        const removed = await this.removeOld(signal);
        if (removed.builds + removed.buildsWithoutLogs + removed.trees > 0)
          this.deps.log.info('old things removed', { ...removed });
      } catch (error) {
        if (!signal.aborted) this.deps.log.error('old things could not be removed', { error: String(error) });
      }
    }
  }

  /** Nothing is removed while a backup is being made. Hubs that share a database may all do it. */
  async removeOld(signal: AbortSignal): Promise<Removed> {
    const removed: Removed = { builds: 0, buildsWithoutLogs: 0, trees: 0 };
    if (await this.#isHeldUp()) return removed;
    await this.#removeBuilds(removed, signal);
    await this.#removeLogs(removed, signal);
    await this.#compactLogs(signal);
    const { store, source } = this.deps;
    if (removed.builds > 0) await store.write(dropUnusedWorlds);
    removed.trees = await source.removeOldTrees((treeId) => store.read((sql) => isTreeNeeded(sql, treeId)), signal);
    return removed;
  }

  #isHeldUp(): Promise<boolean> {
    const { store, clock } = this.deps;
    return store.read(async (sql) => isLeased(sql, BACKUP_LEASE, await sharedNow(sql, store.dialect, clock.wallMs())));
  }

  async #removeBuilds(removed: Removed, signal: AbortSignal): Promise<void> {
    const { store, logs, clock } = this.deps;
    if (this.limits.buildsMs === 0) return;
    const beforeMs = clock.wallMs() - this.limits.buildsMs;
    while (!signal.aborted) {
      const old = await store.read((sql) => buildsEndedBefore(sql, beforeMs, BATCH));
      for (const { id } of old) {
        const gone = await store.write((sql) => forgetBuild(sql, id, clock.wallMs() + ARTIFACT_GRACE_MS));
        await logs.forget(gone.tasks, gone.segments);
        removed.builds += 1;
      }
      await this.#removeRevisions(old, signal);
      if (old.length < BATCH) return;
    }
  }

  async #removeRevisions(old: readonly OldBuild[], signal: AbortSignal): Promise<void> {
    const { store, source } = this.deps;
    const unneeded: OldBuild[] = [];
    for (const build of old) if (!(await store.read((sql) => isRevisionNeeded(sql, build)))) unneeded.push(build);
    if (unneeded.length > 0) await source.removeRevisions(unneeded, signal);
  }

  /** Those who followed the build have seen its end by then. */
  async #compactLogs(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.deps;
    while (!signal.aborted) {
      const scattered = await store.read((sql) => scatteredLogs(sql, clock.wallMs() - SETTLED_MS, BATCH));
      for (const log of scattered) await store.write((sql) => compactChunks(sql, log));
      if (scattered.length < BATCH) return;
    }
  }

  async #removeLogs(removed: Removed, signal: AbortSignal): Promise<void> {
    const { store, logs, clock } = this.deps;
    const { logsMs, logBytes } = this.limits;
    const tooOldMs = logsMs === 0 ? 0 : clock.wallMs() - logsMs;
    let excess = logBytes === 0 ? 0 : (await store.read(totalLogBytes)) - logBytes;
    while (!signal.aborted) {
      const before = excess > 0 ? clock.wallMs() : tooOldMs;
      const old = await store.read((sql) => buildsWithLogs(sql, before, BATCH));
      for (const { id, bytes } of old) {
        if (before !== tooOldMs && excess <= 0) break;
        const gone = await store.write((sql) => forgetLogs(sql, id));
        await logs.forget(gone.tasks, gone.segments);
        excess -= bytes;
        removed.buildsWithoutLogs += 1;
      }
      if (old.length < BATCH && before === tooOldMs) return;
      if (old.length === 0) return;
    }
  }
}
