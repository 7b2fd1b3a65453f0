import { AppError } from '../lib/errors.ts';
import type { SupervisorConfig } from './config.ts';

/**
 * Refuses to start a supervisor that could not end its machine. Nothing powers off by default: a default shutdown
 * needs a machine that is known to be an instance of the pool, and this version cannot know that, so it is never armed.
 */
export function requireShutdown(config: Pick<SupervisorConfig, 'file' | 'shutdown'>, dryRun: boolean): void {
  if (dryRun || config.shutdown.command !== undefined) return;
  throw new AppError('CONFIG', 'shutdown.command is missing: this supervisor would have no way to end the machine', {
    place: { file: config.file },
    hint: 'name the program, such as shutdown: { command: ["/sbin/shutdown", "-h", "now"] }, or try --dry-run',
  });
}

interface WorkerAccount {
  readonly platform: string;
  readonly supervisorUid: number;
  readonly workerUid: number;
  /** `worker.dedicated`: the account exists for the worker alone. */
  readonly dedicated: boolean;
}

/** Accounts below this belong to the system. */
function firstOrdinaryUid(platform: string): number {
  return platform === 'darwin' ? 500 : 1_000;
}

/** nobody and its like: shared by what has no account of its own. */
const SHARED_UIDS: readonly number[] = [65_534, 65_535, 4_294_967_294];

/**
 * Whether all processes of the worker's user may be ended, whoever started them. In every other case only process
 * groups and descendants that the supervisor started are.
 */
export function mayKillWholeUser({ platform, supervisorUid, workerUid, dedicated }: WorkerAccount): boolean {
  return (
    dedicated &&
    supervisorUid === 0 &&
    workerUid !== supervisorUid &&
    workerUid >= firstOrdinaryUid(platform) &&
    !SHARED_UIDS.includes(workerUid)
  );
}
