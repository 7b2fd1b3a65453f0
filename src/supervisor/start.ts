import { readFileSync } from 'node:fs';
import { AppError, describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Environment } from '../platform/environment.ts';
import { errnoOf } from '../platform/files.ts';
import { bootId, defaultWorkerName } from '../platform/host.ts';
import { randomToken } from '../platform/random.ts';
import { keepNewFilesPrivate } from '../platform/umask.ts';
import { currentUser } from '../platform/users.ts';
import { BUILD } from '../platform/version.ts';
import type { ClockReading } from './age.ts';
import { hardCapWarning, parseSupervisorConfig, type SupervisorConfig } from './config.ts';
import { type ControlSocket, openControlSocket } from './control-socket.ts';
import { loadJournal, makeStateFolder } from './journal.ts';
import { beginLife, type Life } from './life.ts';
import { requireShutdown } from './power.ts';
import { Session } from './session.ts';
import type { StatusAnswer } from './status-report.ts';
import { planWorker } from './worker-plan.ts';

export interface StartOptions {
  /** `pwagent.yml` */
  readonly configFile: string;
  /** Say what would end the machine, touch nothing. */
  readonly dryRun: boolean;
  /** The command line of the worker. */
  readonly workerArgv: readonly string[];
  readonly env: Environment;
  readonly platform: string;
  readonly clock: Clock;
  readonly openLog: (settings: SupervisorConfig['log']) => Logger;
}

function readConfig(file: string): SupervisorConfig {
  try {
    return parseSupervisorConfig(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const errno = errnoOf(error);
    const missing = errno === 'ENOENT';
    throw new AppError('CONFIG', missing ? 'there is no such file' : `cannot be read (${errno ?? String(error)})`, {
      place: { file },
      hint: missing ? 'write it, or name another one with --config' : 'let this user read it',
      cause: error,
    });
  }
}

/** A dry run keeps its own journal: trying things out must not age the real life. */
function journalName(dryRun: boolean): string {
  return dryRun ? 'journal-dry-run.json' : 'journal.json';
}

async function openSocket(
  config: SupervisorConfig,
  status: () => StatusAnswer | undefined,
  { clock }: StartOptions,
  log: Logger,
  stop: AbortSignal,
): Promise<ControlSocket | undefined> {
  const starting = { error: 'the supervisor is starting' };
  try {
    return await openControlSocket(config.socket, { status: () => status() ?? starting }, clock, stop);
  } catch (error) {
    if (error instanceof AppError) throw error;
    log.warn('the control socket cannot be opened: `pwagent status` will not reach this supervisor', {
      event: 'control-socket',
      file: config.socket,
      error: errnoOf(error) ?? String(error),
    });
    return undefined; // the machine must end on time with or without a status
  }
}

async function resumeLife(config: SupervisorConfig, options: StartOptions, now: ClockReading): Promise<Life> {
  const path = `${config.stateDir}/${journalName(options.dryRun)}`;
  return beginLife(await loadJournal(path, currentUser().uid), config.life, now, () => randomToken(16));
}

async function readClocks(clock: Clock, log: Logger): Promise<ClockReading> {
  const id = await bootId().catch((error: unknown) => {
    log.warn('the system does not tell the id of this boot', { event: 'boot-id', error: describeError(error) });
    return '';
  });
  return { continuousMs: clock.continuousMs(), wallMs: clock.wallMs(), bootId: id };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * `pwagent run`: supervises until `stop` aborts, then ends the worker and returns; the machine stays up and its
 * deadlines stay in the journal. From the abort of `hurry` on nothing is waited for. Throws `AppError` when it cannot
 * start (CONFIG), or when another supervisor runs behind the same socket (UNAVAILABLE).
 */
export async function runSupervisor(options: StartOptions, stop: AbortSignal, hurry: AbortSignal): Promise<void> {
  keepNewFilesPrivate();
  const config = readConfig(options.configFile);
  requireShutdown(config, options.dryRun);
  const name = config.name ?? defaultWorkerName();
  const { plan, warnings } = planWorker({ ...options, config, name, argv: options.workerArgv, self: currentUser() });
  const log = options.openLog(config.log).child({ component: 'supervisor' });
  const running: { session?: Session } = {};
  const socket = await openSocket(config, () => running.session?.status(), options, log, stop);
  try {
    await makeStateFolder(config.stateDir).catch(() => {}); // the first save of the journal tells what is wrong
    const started = await readClocks(options.clock, log);
    const life = await resumeLife(config, options, started);
    for (const warning of [...warnings, ...life.warnings, hardCapWarning(config.life) ?? []].flat()) log.warn(warning);
    log.info('supervisor started', {
      event: 'start',
      version: BUILD.version,
      pid: process.pid,
      dryRun: options.dryRun,
      armed: false,
      ageMs: Math.round(life.ageMs),
    });
    const { clock, dryRun } = options;
    const session = new Session(
      { config, name, plan, life, started, clock, log, dryRun, leave: hurry },
      journalName(dryRun),
    );
    running.session = session;
    session.start();
    await aborted(stop);
    log.info('told to stop: the worker ends, the machine stays up', { event: 'stop', reason: String(stop.reason) });
    await session.leave(hurry);
  } finally {
    socket?.close();
  }
}
