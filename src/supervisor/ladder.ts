import { backoffMs } from '../lib/backoff.ts';
import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import { spawn } from '../platform/processes.ts';
import type { RungOutcome } from './policy-types.ts';

/** From the order to the first rung when it is urgent; with `PERSIST_MS` well within the promised ten seconds. */
const URGENT_MS = 8_000;

/** The journal should know of a rung before it is issued; a disk that hangs must not keep the machine up. */
const PERSIST_MS = 1_000;

/** A command that fails is tried again soon, then at least once a minute. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

const COMMAND_ENV = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin', HOME: '/', LANG: 'C' };

export interface LadderSettings {
  readonly command: readonly string[];
  readonly stepTimeoutMs: number;
  readonly before: readonly (readonly string[])[];
  readonly beforeTimeoutMs: number;
}

export interface LadderDeps {
  readonly settings: LadderSettings;
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs a program; resolves to null when it succeeded, to the reason when not. Never rejects. */
  readonly run: (argv: readonly string[], timeoutMs: number, signal: AbortSignal) => Promise<string | null>;
  readonly endWorker: (urgent: AbortSignal) => Promise<void>;
  readonly report: (step: string, outcome: RungOutcome, error: string | null) => void;
  /** Resolves when the journal holds what was reported, or cannot. */
  readonly persist: () => Promise<void>;
}

/** Runs a program of the ladder: own process group, output to the supervisor's standard error, bounded in time. */
export function programRunner(clock: Clock): LadderDeps['run'] {
  return async (argv, timeoutMs, signal) => {
    try {
      const child = await spawn({ argv, env: COMMAND_ENV, cwd: '/', stdout: 2, stderr: 2 });
      const bound = new AbortController();
      const timeout = clock
        .sleep(timeoutMs, AbortSignal.any([bound.signal, signal]))
        .then(() => 'timeout' as const)
        .catch(() => 'left' as const);
      const first = await Promise.race([child.exited, timeout]);
      bound.abort();
      if (first === 'left') return 'the supervisor left';
      if (first === 'timeout') {
        child.signalGroup('SIGKILL');
        return `${argv[0]} did not end in time and was killed`;
      }
      if (first.code === 0) return null;
      return `${argv[0]} ${first.signal === null ? `ended with code ${first.code}` : `was killed by ${first.signal}`}`;
    } catch (error) {
      return describeError(error);
    }
  };
}

async function runHooks({ settings, run, log }: LadderDeps, signal: AbortSignal): Promise<void> {
  for (const argv of settings.before) {
    const error = await run(argv, settings.beforeTimeoutMs, signal);
    if (error !== null) log.warn('a hook before the shutdown failed', { event: 'before-hook', error });
  }
}

/** Resolves when `signal` aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * What comes before the first rung: hooks, then the worker's end. When it is urgent both go on side by side, and
 * nobody waits for them longer than `URGENT_MS`.
 */
async function prepare(deps: LadderDeps, urgent: AbortSignal, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const scope = AbortSignal.any([done.signal, signal]);
  const overdue = aborted(urgent).then(() => deps.clock.sleep(URGENT_MS, scope).catch(() => {}));
  const hooks = runHooks(deps, signal);
  await Promise.race([hooks, aborted(urgent)]);
  const worker = deps.endWorker(urgent).catch((error: unknown) => {
    if (!signal.aborted)
      deps.log.warn('the worker could not be ended', { event: 'end-worker', error: describeError(error) });
  });
  await Promise.race([Promise.all([hooks, worker]), overdue]);
  done.abort();
}

async function persistBriefly({ persist, clock }: LadderDeps, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const bound = clock.sleep(PERSIST_MS, AbortSignal.any([done.signal, signal])).catch(() => {}); // done, or leaving
  await Promise.race([persist(), bound]);
  done.abort();
}

/** One rung, and the wait until the next one. */
async function climb(deps: LadderDeps, attempt: number, signal: AbortSignal): Promise<void> {
  const { settings, clock, report } = deps;
  const startedMs = clock.monoMs();
  report('command', 'issued', null);
  await persistBriefly(deps, signal);
  const error = await deps.run(settings.command, settings.stepTimeoutMs, signal);
  signal.throwIfAborted();
  if (error !== null) {
    report('command', 'failed', error);
    await clock.sleep(
      backoffMs(attempt, RETRY, () => 1),
      signal,
    );
    return;
  }
  report('command', 'accepted', null);
  await clock.sleep(Math.max(0, settings.stepTimeoutMs - (clock.monoMs() - startedMs)), signal);
  report('command', 'no-effect', 'the machine is still up');
}

/** Ends the machine: prepares, then climbs round and round until it is gone. Rejects only when `signal` aborts. */
export async function shutDownMachine(deps: LadderDeps, urgent: AbortSignal, signal: AbortSignal): Promise<never> {
  await prepare(deps, urgent, signal);
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted();
    await climb(deps, attempt, signal);
  }
}

/** What `--dry-run` does instead: says each step, touches nothing. */
export function tellShutDown({
  settings,
  log,
  report,
}: Omit<LadderDeps, 'run' | 'endWorker' | 'persist' | 'clock'>): void {
  const event = 'dry-run';
  for (const argv of settings.before) log.info('dry run: a hook would run before the shutdown', { event, argv });
  log.info('dry run: the worker would be ended', { event });
  log.info('dry run: the shutdown command would run', { event, argv: settings.command });
  report('command (dry run)', 'accepted', null);
}
