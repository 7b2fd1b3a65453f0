import { AppError, describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Fetch } from '../platform/bounded-request.ts';
import type { Clock } from '../platform/clock.ts';
import { errnoOf } from '../platform/files.ts';
import { bootId } from '../platform/host.ts';
import { createMetadata, type Metadata } from '../platform/metadata/metadata.ts';
import { randomToken } from '../platform/random.ts';
import { keepNewFilesPrivate } from '../platform/umask.ts';
import { currentUser } from '../platform/users.ts';
import { BUILD } from '../platform/version.ts';
import type { ClockReading } from './age.ts';
import { ArmedMachine } from './armed-machine.ts';
import { MARKER_FILE, readMarker } from './arming.ts';
import { readLaunch } from './cloud-watch.ts';
import { hardCapWarning, type SupervisorConfig } from './config.ts';
import { type Answers, type ControlSocket, openControlSocket, type SocketAccess } from './control-socket.ts';
import { openHubReports } from './hub-report.ts';
import { type Loaded, loadJournal, makeStateFolder } from './journal.ts';
import { beginLife } from './life.ts';
import { openMetrics } from './metrics.ts';
import { adminSocketOf, operatorAccess, operatorAnswers } from './operator.ts';
import { Session, type SessionParts } from './session.ts';
import { loadSetUp, type SetUp, type SetUpInput } from './set-up.ts';

export interface StartOptions extends SetUpInput {
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly openLog: (settings: SupervisorConfig['log']) => Logger;
}

/** How long a start waits for the identity of the instance, where it may change what happens first. */
const IDENTITY_MS = 5_500;

/** A dry run keeps its own journal: trying things out must not age the real life. */
function journalName(dryRun: boolean): string {
  return dryRun ? 'journal-dry-run.json' : 'journal.json';
}

async function openSocket(
  path: string,
  answers: Answers,
  access: SocketAccess | undefined,
  { clock }: StartOptions,
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

/** Whether the first decisions could be wrong ones as long as the metadata service has not said which machine this is. */
function waitsForIdentity({ mayArm, config }: SetUp, loaded: Loaded, now: ClockReading): boolean {
  if (mayArm || config.metadata.source === 'ec2') return loaded.tag !== 'found' || loaded.entry.instanceId === null;
  return loaded.tag === 'found' && loaded.entry.instanceId !== null && loaded.entry.mark.bootId !== now.bootId;
}

async function seeInstance(
  setUp: SetUp,
  loaded: Loaded,
  metadata: Metadata | undefined,
  now: ClockReading,
  clock: Clock,
  stop: AbortSignal,
): Promise<SessionParts['seen']> {
  if (metadata === undefined || !waitsForIdentity(setUp, loaded, now)) return undefined;
  const done = new AbortController();
  const scope = AbortSignal.any([done.signal, stop]);
  const late = clock.sleep(IDENTITY_MS, scope).then(
    () => ({ problem: 'no answer in time' }),
    () => ({ problem: 'told to stop' }),
  );
  const isNew = () => loaded.tag === 'absent';
  const read = await Promise.race([readLaunch({ metadata, clock, isNew }, scope), late]);
  done.abort();
  return 'launch' in read ? read : undefined;
}

interface Site {
  readonly options: StartOptions;
  readonly setUp: SetUp;
  readonly log: Logger;
  readonly metadata: Metadata | undefined;
  readonly armed: ArmedMachine | undefined;
  readonly stop: AbortSignal;
  readonly hurry: AbortSignal;
}

/** What the configuration and the machine make of this run. */
async function makeParts({
  options,
  setUp,
  log,
  metadata,
  armed,
  stop,
  hurry,
}: Site): Promise<Omit<SessionParts, 'decided'>> {
  const { clock, dryRun } = options;
  const { config } = setUp;
  const { source } = config.metadata;
  await makeStateFolder(config.stateDir).catch(() => {}); // the first save of the journal tells what is wrong
  const loaded = await loadJournal(`${config.stateDir}/${journalName(dryRun)}`, currentUser().uid);
  const now = await readClocks(clock, log);
  const seen = await seeInstance(setUp, loaded, metadata, now, clock, stop);
  const started = { ...now, continuousMs: clock.continuousMs(), wallMs: clock.wallMs() };
  const life = beginLife(loaded, config.life, { ...started, source }, () => randomToken(16));
  const arm: SessionParts['arm'] = async (identity) => armed?.arm(identity, hurry);
  const tellEnd = (reason: string) => armed?.tellEnd(reason, hurry);
  return { ...setUp, life, started, clock, log, dryRun, metadata, seen, arm, tellEnd, leave: hurry };
}

/** Sockets and metrics: what is asked from outside. */
async function openDoors({ options, setUp, log, stop }: Site, session: () => Session | undefined) {
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

function tellStart({ options, setUp, log }: Site, { life }: Pick<SessionParts, 'life'>): void {
  const { config, warnings, unusable, mayArm } = setUp;
  for (const warning of [...warnings, ...life.warnings, hardCapWarning(config.life) ?? []].flat()) log.warn(warning);
  if (unusable !== undefined) log.error(unusable, { event: 'set-up' });
  log.info('supervisor started', {
    event: 'start',
    version: BUILD.version,
    pid: process.pid,
    dryRun: options.dryRun,
    mayArm,
    ageMs: Math.round(life.ageMs),
  });
}

async function prepare(options: StartOptions, stop: AbortSignal, hurry: AbortSignal): Promise<Site> {
  const self = currentUser();
  const marker = await readMarker(MARKER_FILE);
  const setUp = loadSetUp(options, marker, self);
  const { config, plan } = setUp;
  const { clock, fetch, platform, dryRun } = options;
  const log = options.openLog(config.log).child({ component: 'supervisor' });
  const site = { options, setUp, log, stop, hurry };
  if (config.metadata.source === 'none') return { ...site, metadata: undefined, armed: undefined };
  const metadata = createMetadata({ endpoint: config.metadata.endpoint, fetch, clock });
  const workerUid = plan.switchTo?.uid;
  const parts = { config, marker, uid: self.uid, platform, metadata, fetch, clock, log, workerUid, dryRun };
  return { ...site, metadata, armed: new ArmedMachine(parts) };
}

/** Reports to a hub, if the configuration names one; they end with the session, not before. */
function openReports({ options, setUp, log, hurry }: Site, session: () => Session | undefined) {
  const { clock, fetch } = options;
  const read = () => {
    const answer = session()?.status();
    return answer === undefined ? undefined : { answer, finishedTasks: answer.finishedTasks, audit: answer.audit };
  };
  return openHubReports(setUp.config.hub, { name: setUp.name, read, fetch, clock, log }, hurry);
}

/**
 * `pwagent run`: supervises until `stop` aborts, then ends the worker and returns; the machine stays up and its
 * deadlines stay in the journal. From the abort of `hurry` on nothing is waited for. Throws `AppError` when it cannot
 * start (CONFIG), or when another supervisor runs behind the same socket (UNAVAILABLE).
 */
export async function runSupervisor(options: StartOptions, stop: AbortSignal, hurry: AbortSignal): Promise<void> {
  keepNewFilesPrivate();
  const site = await prepare(options, stop, hurry);
  const running: { session?: Session } = {};
  const doors = await openDoors(site, () => running.session);
  try {
    const reports = openReports(site, () => running.session);
    const parts = { ...(await makeParts(site)), decided: () => reports?.tell() };
    tellStart(site, parts);
    const session = new Session(parts, journalName(options.dryRun));
    running.session = session;
    session.start();
    await aborted(stop);
    site.log.info('told to stop: the worker ends, the machine stays up', {
      event: 'stop',
      reason: String(stop.reason),
    });
    await session.leave(hurry);
    await site.armed?.leave(hurry);
  } finally {
    doors.close();
  }
}
