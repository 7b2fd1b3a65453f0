import { askProgram, type ProgramAnswer } from '../platform/ask-program.ts';
import type { Clock } from '../platform/clock.ts';
import type { ProcessInfo } from '../platform/process-table.ts';
import type { Platform } from './services.ts';

/** The machine that is set up, as far as this room touches it beside its files. */
export interface World {
  readonly platform: Platform;
  /** `/`, or a folder that files are staged in; nothing outside it is changed then. */
  readonly root: string;
  /** Effective user id of this process, and its process id. */
  readonly uid: number;
  readonly pid: number;
  readonly clock: Clock;
  /** Runs a program of the system by its name. Rejects with an `AppError` when it cannot be started. */
  readonly run: (argv: readonly string[], signal: AbortSignal) => Promise<ProgramAnswer>;
  readonly processes: () => readonly ProcessInfo[];
  /** Ends the process when it is still the one that started then; resolves once it is gone. */
  readonly end: (pid: number, started: string, signal: AbortSignal) => Promise<void>;
}

/** Where the programs of both systems are; nobody's own folders. */
const SYSTEM_PATH = '/usr/bin:/bin:/usr/sbin:/sbin';

/** A program that takes longer hangs. `sysadminctl` and `launchctl` need seconds. */
const PROGRAM_LIMIT_MS = 60_000;

/** Runs programs with an environment of their own. */
export function systemRunner(clock: Clock): World['run'] {
  return (argv, signal) =>
    askProgram(argv, { env: { PATH: SYSTEM_PATH, LANG: 'C' }, limitMs: PROGRAM_LIMIT_MS, clock }, signal);
}
