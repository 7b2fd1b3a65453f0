import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { z } from 'zod';
import { parseConfigFile } from '../lib/config-file.ts';
import { formatDuration } from '../lib/duration.ts';
import { errnoOf } from '../platform/files.ts';
import { configSchema } from './config-schema.ts';
import type { LifeSettings } from './life.ts';

type Raw = z.output<ReturnType<typeof configSchema>>;

/** How a command worker is told something; at most one of both. */
export interface Telling {
  readonly signal: string | undefined;
  readonly command: readonly string[] | undefined;
}

export type Rung = 'command' | 'force' | 'terminate' | 'syscall';

/** The supervisor's configuration; durations in milliseconds, sizes in bytes. */
export interface SupervisorConfig {
  /** Where it was read from, for messages. */
  readonly file: string;
  /** Undefined: what the instance's Name tag says, else the host's name. */
  readonly name: string | undefined;
  readonly metadata: {
    readonly source: 'none' | 'ec2' | 'auto';
    readonly endpoint: string;
    readonly readyTag: string;
    readonly readyPollMs: number;
    readonly lostAfterMs: number;
    readonly blockForWorker: boolean;
  };
  readonly life: LifeSettings & {
    readonly drainPollMs: number;
    /** 0: any number. */
    readonly maxTasks: number;
    readonly noticeMarginMs: number;
  };
  readonly worker: {
    readonly mode: 'builtin' | 'command';
    /** Command line of a command worker; empty for the built-in one. */
    readonly command: readonly string[];
    readonly busy: { readonly preset: Raw['worker']['busy']['preset']; readonly processes: readonly string[] };
    readonly drain: Telling;
    readonly undrain: Telling;
    readonly progress: { readonly file: string; readonly staleAfterMs: number } | undefined;
    readonly onDirty: 'report' | 'drain';
    readonly user: string | undefined;
    readonly dedicated: boolean;
    /** Undefined: the default place, which may be empty. */
    readonly configFile: string | undefined;
    readonly tokenFile: string | undefined;
    readonly onExit: 'shutdown' | 'restart';
    readonly restartLimit: number;
    readonly restartWindowMs: number;
    readonly staleAfterMs: number;
    readonly graceMs: number;
    readonly environment: Readonly<Record<string, string>>;
    readonly path: string;
    readonly directory: string | undefined;
    readonly logFile: string;
    readonly logLimitBytes: number;
  };
  readonly shutdown: {
    /** Undefined: what the machine's being armed or not makes it. */
    readonly ladder: readonly Rung[] | undefined;
    /** Undefined: nothing was named, so nothing can be ordered. */
    readonly command: readonly string[] | undefined;
    readonly stepTimeoutMs: number;
    readonly before: readonly (readonly string[])[];
    readonly beforeTimeoutMs: number;
  };
  readonly minFreeBytes: number;
  readonly stateDir: string;
  readonly socket: string;
  /** Loopback address and port of the metrics; empty: off. */
  readonly metricsListen: string;
  /** Where reports go; undefined: nowhere. */
  readonly hub: { readonly url: string; readonly tokenFile: string } | undefined;
  readonly log: {
    readonly level: string;
    /** Empty: standard error. */
    readonly file: string;
    readonly maxBytes: number;
    readonly keep: number;
  };
}

/** What hinders this program from being run, with the remedy; undefined when nothing does. */
export function problemOfProgram(program: string): string | undefined {
  if (!isAbsolute(program)) return `"${program}" must be an absolute path, such as /sbin/shutdown`;
  try {
    if (!statSync(program).isFile()) return `${program} is not a program; name the file to run`;
    accessSync(program, constants.X_OK);
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EACCES') return `${program} is not executable; run chmod +x ${program}`;
    return errno === 'ENOENT'
      ? `${program} does not exist; correct the path or install it`
      : `${program} cannot be run (${errno ?? String(error)})`;
  }
}

/** In one sentence with the arithmetic, why the hard cap may never be reached; undefined when it is in time. */
export function hardCapWarning(life: LifeSettings): string | undefined {
  const latestMs = life.idleCheckMs + life.jitterMs + life.hardCapMs;
  if (latestMs <= life.lifetimeMs) return undefined;
  const [idle, jitter, cap, sum, max] = [
    life.idleCheckMs,
    life.jitterMs,
    life.hardCapMs,
    latestMs,
    life.lifetimeMs,
  ].map(formatDuration);
  return `the hard cap can come later than the lifetime: ${idle} idle-check + ${jitter} jitter + ${cap} hard-cap = ${sum}, more than lifetime.max ${max}; the lifetime then ends running tasks`;
}

function lifeOf({ lifetime }: Raw): SupervisorConfig['life'] {
  return {
    lifetimeMs: lifetime.max,
    idleCheckMs: lifetime['idle-check'],
    jitterMs: lifetime.jitter,
    hardCapMs: lifetime['hard-cap'],
    drainPollMs: lifetime['drain-poll'],
    from: lifetime.from,
    maxTasks: lifetime['max-tasks'],
    noticeMarginMs: lifetime['notice-margin'],
  };
}

function metadataOf({ metadata }: Raw): SupervisorConfig['metadata'] {
  return {
    source: metadata.source,
    endpoint: metadata.endpoint,
    readyTag: metadata['ready-tag'],
    readyPollMs: metadata['ready-poll'],
    lostAfterMs: metadata['lost-after'],
    blockForWorker: metadata['block-for-worker'],
  };
}

function tellingOf({ signal, command }: Raw['worker']['drain']): Telling {
  return { signal, command };
}

function workerOf({ worker, ...rest }: Raw): SupervisorConfig['worker'] {
  const logFile = worker['log-file'];
  const { progress } = worker;
  return {
    mode: worker.mode,
    command: worker.command,
    busy: worker.busy,
    drain: tellingOf(worker.drain),
    undrain: tellingOf(worker.undrain),
    progress: progress === undefined ? undefined : { file: progress.file, staleAfterMs: progress['stale-after'] },
    onDirty: worker['on-dirty'],
    user: worker.user,
    dedicated: worker.dedicated,
    configFile: worker.config,
    tokenFile: worker['token-file'],
    onExit: worker['on-exit'],
    restartLimit: worker.restart.limit,
    restartWindowMs: worker.restart.window,
    staleAfterMs: worker['stale-after'],
    graceMs: worker.grace,
    environment: worker.environment,
    path: worker.path,
    directory: worker.directory,
    logFile: isAbsolute(logFile) ? logFile : join(rest['state-dir'], logFile),
    logLimitBytes: worker['log-limit'],
  };
}

/** Parses the text of `file`. Throws `AppError` (CONFIG) with every problem and its place. */
export function parseSupervisorConfig(text: string, file: string): SupervisorConfig {
  const raw = parseConfigFile(text, file, configSchema(problemOfProgram));
  const { shutdown, log } = raw;
  return {
    file,
    name: raw.name,
    metadata: metadataOf(raw),
    life: lifeOf(raw),
    worker: workerOf(raw),
    shutdown: {
      ladder: shutdown.ladder,
      command: shutdown.command,
      stepTimeoutMs: shutdown['step-timeout'],
      before: shutdown.before,
      beforeTimeoutMs: shutdown['before-timeout'],
    },
    minFreeBytes: raw.disk['min-free'],
    stateDir: raw['state-dir'],
    socket: raw.control.socket,
    metricsListen: raw.metrics.listen,
    hub: raw.hub.url === '' ? undefined : { url: raw.hub.url, tokenFile: raw.hub['token-file'] },
    log: { level: log.level, file: log.file, maxBytes: log['rotate-size'], keep: log['max-rotations'] },
  };
}
