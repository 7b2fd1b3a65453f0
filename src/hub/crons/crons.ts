import { AppError, describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { printable } from '../../lib/printable.ts';
import type { Clock } from '../../platform/clock.ts';
import type { AuditLog } from '../audit/audit.ts';
import type { StartOutcome } from '../build-starter.ts';
import { type Page, type PageAsk, slice } from '../page.ts';
import { type CronRecord, claimCron, deleteCron, insertCron, listCronRecords, noteCron } from '../store/crons.ts';
import type { Database } from '../store/database.ts';
import { nextFire, parseCron } from './expression.ts';

/** A build that starts by the clock, as told to people. */
export interface CronInfo {
  readonly name: string;
  readonly repository: string;
  readonly branch: string;
  readonly expression: string;
  readonly createdAt: string;
  readonly nextAt: string;
  readonly lastAt: string | null;
  readonly lastBuild: string | null;
  readonly lastProblem: string | null;
}

export interface NewCron {
  readonly name: string;
  readonly repository: string;
  readonly branch: string;
  readonly expression: string;
}

export interface CronDeps {
  readonly store: Database;
  readonly clock: Pick<Clock, 'wallMs' | 'sleep'>;
  readonly audit: AuditLog;
  readonly log: Logger;
  /** Throws `AppError` (CONFIG) for a repository that this hub may not fetch; returns the address to use. */
  readonly checkRepository: (url: string) => string;
  readonly start: (cron: NewCron, signal: AbortSignal) => Promise<StartOutcome>;
}

const rfc3339 = (ms: number) => new Date(ms).toISOString();

function infoOf({ name, repository, branch, expression, ...cron }: CronRecord): CronInfo {
  return {
    ...{ name, repository, branch, expression },
    createdAt: rfc3339(cron.createdMs),
    nextAt: rfc3339(cron.dueMs),
    lastAt: cron.lastMs === null ? null : rfc3339(cron.lastMs),
    lastBuild: cron.lastBuild === null ? null : String(cron.lastBuild),
    lastProblem: cron.lastProblem,
  };
}

/** Looks at the time at least this often: the wall clock may be set while a longer sleep goes on. */
const LOOK_EVERY_MS = 30_000;

/**
 * Builds that start by the clock. A firing belongs to the hub that moves its due time on, in one step and before the
 * build starts: it happens at most once, with any number of hubs on one database. After a time in which no hub ran, a
 * cron fires once, however often it was missed.
 */
export class Crons {
  constructor(private readonly deps: CronDeps) {}

  async list(ask: PageAsk): Promise<Page<CronInfo>> {
    return slice((await this.deps.store.read(listCronRecords)).map(infoOf), ask, ({ name }) => name);
  }

  /** Throws `AppError`: CONFIG for a bad expression or repository, USAGE for a name that is taken. */
  async create(cron: NewCron, by: string): Promise<CronInfo> {
    const { store, clock } = this.deps;
    const fields = parseCron(cron.expression);
    const nowMs = clock.wallMs();
    const repository = this.deps.checkRepository(cron.repository);
    const dueMs = nextFire(fields, nowMs);
    if (dueMs === undefined) throw new TypeError('a checked expression has no next time');
    const record = { ...cron, repository, createdMs: nowMs, createdBy: by, dueMs };
    if (!(await store.write((sql) => insertCron(sql, record)))) {
      const hint = 'take another name, or delete that one first';
      throw new AppError('USAGE', `there is a cron ${cron.name} already`, { hint });
    }
    return infoOf({ ...record, lastMs: null, lastBuild: null, lastProblem: null });
  }

  /** Whether there was one. */
  remove(name: string): Promise<boolean> {
    return this.deps.store.write((sql) => deleteCron(sql, name));
  }

  /** Fires what is due until `signal` aborts; then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.deps;
    while (!signal.aborted) {
      try {
        const waitMs = Math.min(LOOK_EVERY_MS, Math.max(1_000, (await this.#nextDueMs()) - clock.wallMs()));
        await clock.sleep(waitMs, signal);
        await this.fireDue(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.error('crons failed', { error: describeError(error) });
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {}); // the loop looks at the signal
      }
    }
  }

  async #nextDueMs(): Promise<number> {
    const due = (await this.deps.store.read(listCronRecords)).map(({ dueMs }) => dueMs);
    return Math.min(Number.POSITIVE_INFINITY, ...due);
  }

  /** Fires each cron whose time has come, one after the other. */
  async fireDue(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.deps;
    for (const cron of await store.read(listCronRecords)) {
      const nowMs = clock.wallMs();
      if (cron.dueMs > nowMs || signal.aborted) continue;
      const nextMs = nextFire(parseCron(cron.expression), nowMs) ?? Number.MAX_SAFE_INTEGER;
      const mine = await store.write((sql) => claimCron(sql, cron.name, cron.dueMs, nextMs, nowMs));
      if (mine) await this.#fire(cron, signal);
    }
  }

  async #fire(cron: CronRecord, signal: AbortSignal): Promise<void> {
    const { store, start, log, audit } = this.deps;
    const { name, repository } = cron;
    let build: string | null = null;
    let problem: string | null = null;
    try {
      const outcome = await start(cron, signal);
      if (outcome.kind === 'started') build = outcome.build.id;
      else problem = problemText(outcome);
    } catch (error) {
      if (!(error instanceof AppError)) log.error('a cron met a bug', { cron: name, error: describeError(error) });
      problem = describeError(error);
    }
    const kept = problem === null ? null : printable(problem.replaceAll('\n', '; '), 2_000);
    await store.write((sql) => noteCron(sql, name, build === null ? null : Number(build), kept));
    const actor = { name: `cron ${name}`, role: undefined, address: '' };
    await audit.record(actor, 'createBuild', repository, { build, problem: kept });
    if (build === null) log.warn('cron started no build', { cron: name, problem: kept });
    else log.info('cron started a build', { cron: name, buildId: build });
  }
}

function problemText(outcome: StartOutcome & { readonly kind: 'refused' }): string {
  return outcome.problems
    .filter(({ severity }) => severity === 'error')
    .map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`)
    .join('; ');
}
