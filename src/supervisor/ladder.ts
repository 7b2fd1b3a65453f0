import { backoffMs } from '../lib/backoff.ts';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { bounded } from '../platform/bounded.ts';
import type { Clock } from '../platform/clock.ts';
import type { RunProgram } from '../platform/run-program.ts';
import type { RungOutcome } from './policy-types.ts';
import { climbSafely, makeRungs, type Rung } from './rungs.ts';

/** From the order to the first rung when it is urgent; with `PERSIST_MS` well within the promised ten seconds. */
const URGENT_MS = 8_000;

/** The journal should know of a rung before it is issued; a disk that hangs must not keep the machine up. */
const PERSIST_MS = 1_000;

/** A notice to people is a courtesy. */
const NOTIFY_MS = 2_000;

/** Where nothing says how long the end of the worker may take. */
const END_WORKER_MS = 600_000;

/** What fails is followed by the next rung soon; from round to round later, but at least once a minute. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

/** A rung's own bound acts first; this is for one that ignores it. */
const OVERDUE_MS = 500;

const LATE = 'no end in time';

export interface LadderSettings {
  readonly command: readonly string[];
  readonly stepTimeoutMs: number;
  readonly before: readonly (readonly string[])[];
  readonly beforeTimeoutMs: number;
  /** The worker's grace and what killing takes. Default ten minutes. */
  readonly endWorkerMs?: number;
}

export interface LadderDeps {
  readonly settings: LadderSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly run: RunProgram;
  /** In the order in which they are climbed (see `makeRungs`). Default: the command alone. */
  readonly rungs?: readonly Rung[];
  /** Tells the people who are logged in. Bounded here. */
  readonly notify?: (signal: AbortSignal) => Promise<string | null>;
  readonly endWorker: (urgent: AbortSignal) => Promise<void>;
  readonly report: (step: string, outcome: RungOutcome, error: string | null) => void;
  /** Resolves when the journal holds what was reported, or cannot. */
  readonly persist: () => Promise<void>;
}

async function runHooks({ settings, run, log, clock }: LadderDeps, signal: AbortSignal): Promise<void> {
  for (const argv of settings.before) {
    const work = (scope: AbortSignal) => run(argv, settings.beforeTimeoutMs, scope);
    const error = await bounded(work, settings.beforeTimeoutMs + OVERDUE_MS, clock, signal).catch(describeError);
    if (error !== null) log.warn('a hook before the shutdown failed', { event: 'before-hook', error: error ?? LATE });
  }
}

async function tellUsers({ notify, log, clock }: LadderDeps, signal: AbortSignal): Promise<void> {
  if (notify === undefined) return;
  const error = await bounded(notify, NOTIFY_MS, clock, signal).catch(describeError);
  if (error !== null) log.debug('the users could not be told', { event: 'notify', error: error ?? LATE });
}

async function endWorker(
  { endWorker: end, settings, log, clock }: LadderDeps,
  urgent: AbortSignal,
  signal: AbortSignal,
) {
  const work = () => end(urgent);
  await bounded(work, settings.endWorkerMs ?? END_WORKER_MS, clock, signal).catch((error: unknown) => {
    if (signal.aborted) return;
    log.warn('the worker could not be ended', { event: 'end-worker', error: describeError(error) });
  });
}

/** Resolves when `signal` aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * What comes before the first rung: hooks, a notice, the worker's end. When it is urgent all go on side by side, and
 * nobody waits for them longer than `URGENT_MS`.
 */
async function prepare(deps: LadderDeps, urgent: AbortSignal, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const scope = AbortSignal.any([done.signal, signal]);
  const overdue = aborted(urgent).then(() => deps.clock.sleep(URGENT_MS, scope).catch(() => {}));
  const hooks = runHooks(deps, signal); // one that is overtaken is still killed at its own time-out
  await Promise.race([hooks, aborted(urgent)]);
  const notice = tellUsers(deps, scope);
  await Promise.race([notice, aborted(urgent)]);
  const worker = endWorker(deps, urgent, scope);
  await Promise.race([Promise.all([hooks, notice, worker]), overdue]);
  done.abort();
}

async function persistBriefly({ persist, clock }: LadderDeps, signal: AbortSignal): Promise<void> {
  await bounded(persist, PERSIST_MS, clock, signal).catch(() => {}); // the keeper of the journal has told
}

/** One rung, and the wait until the next one. */
async function climb(deps: LadderDeps, rung: Rung, round: number, signal: AbortSignal): Promise<void> {
  const { settings, clock, report } = deps;
  const { stepTimeoutMs } = settings;
  const startedMs = clock.monoMs();
  report(rung.name, 'issued', null);
  await persistBriefly(deps, signal);
  const issuedMs = clock.monoMs();
  const work = (scope: AbortSignal) => climbSafely(rung, stepTimeoutMs, scope);
  const answer = await bounded(work, stepTimeoutMs + OVERDUE_MS, clock, signal);
  signal.throwIfAborted();
  const error = answer === undefined ? `${rung.name} did not answer in time` : answer;
  if (error !== null) {
    report(rung.name, 'failed', error);
    const quick = clock.monoMs() - issuedMs < stepTimeoutMs;
    const pauseMs = backoffMs(round, RETRY, () => 1);
    await clock.sleep(quick ? pauseMs : RETRY.firstMs, signal);
    return;
  }
  report(rung.name, 'accepted', null);
  await clock.sleep(Math.max(0, stepTimeoutMs - (clock.monoMs() - startedMs)), signal);
  report(rung.name, 'no-effect', 'the machine is still up');
}

/** Ends the machine: prepares, then climbs round and round until it is gone. Rejects only when `signal` aborts. */
export async function shutDownMachine(deps: LadderDeps, urgent: AbortSignal, signal: AbortSignal): Promise<never> {
  await prepare(deps, urgent, signal);
  const rungs = deps.rungs ?? makeRungs(['command'], deps.settings.command, deps.run, undefined);
  for (let round = 0; ; round += 1) {
    for (const rung of rungs) {
      signal.throwIfAborted();
      await climb(deps, rung, round, signal);
    }
  }
}

/** What `--dry-run` does instead: says each step, touches nothing. */
export function tellShutDown({
  settings,
  log,
  report,
  rungs = [],
}: Pick<LadderDeps, 'settings' | 'log' | 'report' | 'rungs'>): void {
  const event = 'dry-run';
  for (const argv of settings.before) log.info('dry run: a hook would run before the shutdown', { event, argv });
  log.info('dry run: the worker would be ended', { event });
  log.info('dry run: the shutdown command would run', { event, argv: settings.command });
  const stronger = rungs.map(({ name }) => name).filter((name) => name !== 'command');
  if (stronger.length > 0) log.info('dry run: these would follow', { event, rungs: stronger });
  report('command (dry run)', 'accepted', null);
}
