import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Fetch } from '../platform/bounded-request.ts';
import type { Clock } from '../platform/clock.ts';
import { errnoOf } from '../platform/files.ts';
import { programRunner } from '../platform/run-program.ts';
import { keepNewFilesPrivate } from '../platform/umask.ts';
import { currentUser } from '../platform/users.ts';
import { BUILD } from '../platform/version.ts';
import { MARKER_FILE, readMarker } from './arming.ts';
import { hardCapWarning, type SupervisorConfig } from './config.ts';
import { type Answers, type ControlSocket, openControlSocket, type SocketAccess } from './control-socket.ts';
import { type Ground, layGround, type Prepared } from './groundwork.ts';
import { nameOfWorker, openHubReports } from './hub-report.ts';
import { openMetrics } from './metrics.ts';
import { adminSocketOf, operatorAccess, operatorAnswers } from './operator.ts';
import { Session } from './session.ts';
import { readSetUp, type SetUpInput } from './set-up.ts';
import { accountPorts } from './worker-account.ts';

export interface StartOptions extends SetUpInput {
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly openLog: (settings: SupervisorConfig['log']) => Logger;
}

/** A dry run keeps its own journal: trying things out must not age the real life. */
function journalName(dryRun: boolean): string {
  return dryRun ? 'journal-dry-run.json' : 'journal.json';
}

async function openSocket(
  path: string,
  answers: Answers,
  access: SocketAccess | undefined,
  { clock }: Pick<StartOptions, 'clock'>,
  log: Logger,
  stop: AbortSignal,
): Promise<ControlSocket | undefined> {
  try {
    return await openControlSocket(path, answers, clock, stop, access);
  } catch (error) {
    if (error instanceof AppError) throw error;
    log.warn('a control socket cannot be opened: `pwagent` will not reach this supervisor through it', {
      event: 'control-socket',
      file: path,
      error: errnoOf(error) ?? String(error),
    });
    return undefined; // the machine must end on time with or without a status
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Sockets and metrics: what is asked from outside. */
async function openDoors({ options, setUp, log, stop }: Ground, session: () => Session | undefined) {
  const { socket: path, metricsListen } = setUp.config;
  const status = () => session()?.status() ?? { error: 'the supervisor is starting' };
  const orders = operatorAnswers((command, reason) => session()?.operate(command, reason));
  const access = operatorAccess(currentUser().uid);
  const socket = await openSocket(path, { status }, undefined, options, log, stop);
  const admin = await openSocket(adminSocketOf(path), { ...orders, status }, access, options, log, stop);
  const metrics = openMetrics(metricsListen, () => session()?.status(), log);
  return {
    close() {
      for (const door of [socket, admin, metrics]) door?.close();
    },
  };
}

function tellStart({ options, log }: Ground, { parts, warnings }: Prepared): void {
  const { config, life, unusable, mayArm, name } = parts;
  for (const warning of [...warnings, ...life.warnings, hardCapWarning(config.life) ?? []].flat()) log.warn(warning);
  if (unusable !== undefined) log.error(unusable, { event: 'set-up' });
  log.info('supervisor started', {
    event: 'start',
    version: BUILD.version,
    pid: process.pid,
    name,
    dryRun: options.dryRun,
    mayArm,
    ageMs: Math.round(life.ageMs),
  });
}

async function survey(options: StartOptions, stop: AbortSignal, hurry: AbortSignal): Promise<Ground> {
  const self = currentUser();
  const marker = await readMarker(MARKER_FILE);
  const setUp = readSetUp(options, marker, self);
  const log = options.openLog(setUp.config.log).child({ component: 'supervisor' });
  const { clock, platform } = options;
  const accounts = accountPorts({ run: programRunner(clock), clock, log, platform });
  return { options, setUp, marker, self, journal: journalName(options.dryRun), accounts, log, stop, hurry };
}

/** Reports to a hub, if the configuration names one; they end with the session, not before. */
function openReports({ options, setUp, log, hurry }: Ground, name: string, session: () => Session | undefined) {
  const { clock, fetch } = options;
  const read = () => {
    const answer = session()?.status();
    return answer === undefined ? undefined : { answer, finishedTasks: answer.finishedTasks, audit: answer.audit };
  };
  return openHubReports(setUp.config.hub, { name, read, fetch, clock, log }, hurry);
}

/**
 * `pwagent run`: supervises until `stop` aborts, then ends the worker and returns; the machine stays up and its
 * deadlines stay in the journal. From the abort of `hurry` on nothing is waited for. Throws `AppError` when it cannot
 * start (CONFIG), or when another supervisor runs behind the same socket (UNAVAILABLE).
 */
export async function runSupervisor(options: StartOptions, stop: AbortSignal, hurry: AbortSignal): Promise<void> {
  keepNewFilesPrivate();
  const ground = await survey(options, stop, hurry);
  const running: { session?: Session } = {};
  const doors = await openDoors(ground, () => running.session);
  try {
    const prepared = await layGround(ground);
    tellStart(ground, prepared);
    const reports = openReports(
      ground,
      nameOfWorker(prepared.parts.plan.setup, prepared.parts.name),
      () => running.session,
    );
    const session = new Session({ ...prepared.parts, decided: () => reports?.tell() }, ground.journal);
    running.session = session;
    session.start();
    await aborted(stop);
    ground.log.info('told to stop: the worker ends, the machine stays up', {
      event: 'stop',
      reason: String(stop.reason),
    });
    await session.leave(hurry);
    await prepared.armed?.leave(hurry);
  } finally {
    doors.close();
  }
}
