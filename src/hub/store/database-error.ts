import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';

/** SQLSTATE of an error that the PostgreSQL server sent, or undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  if (errnoOf(error) !== 'ERR_POSTGRES_SERVER_ERROR') return undefined;
  const { errno } = error as Error & { errno?: unknown };
  return typeof errno === 'string' ? errno : undefined;
}

/** The transaction lost against another one and may be run again: serialization failure, deadlock. */
export function lostAgainstAnother(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlStateOf(error) ?? '');
}

/** Shutting down, starting up, too many clients, connection exceptions (PostgreSQL 15, appendix A). */
const AWAY = /^(57P0[1-5]|53[0-9A-Z]{3}|08[0-9A-Z]{3}|25P0[34])$/;

const FULL_DISK = ['SQLITE_FULL', 'ENOSPC', 'EDQUOT'];

/** What the system says when there is no room left, in whichever layer. */
export function isFullDisk(error: unknown): boolean {
  return FULL_DISK.includes(errnoOf(error) ?? '') || sqlStateOf(error) === '53100';
}

function isAway(error: unknown): boolean {
  const code = errnoOf(error) ?? '';
  const state = sqlStateOf(error);
  if (state !== undefined) return AWAY.test(state);
  return /^ERR_POSTGRES_(CONNECTION|IDLE|LIFETIME)/.test(code) || /^E(CONN|PIPE|TIMEDOUT|HOST|NET)/.test(code);
}

/**
 * What people and callers are told of a fault that is not theirs: the same `AppError` (UNAVAILABLE) whether the database
 * is away or its disk is full; what was asked for is not done and may be asked for again. Anything else comes back as
 * it is. `place` names the database to people.
 */
export function explainFault(error: unknown, place: string): unknown {
  if (error instanceof AppError) return error;
  const what = error instanceof Error ? error.message : String(error);
  if (isFullDisk(error)) {
    const hint = 'free some space on it; nothing that was acknowledged is lost';
    return new AppError('UNAVAILABLE', `the disk of ${place} is full`, { hint, cause: error });
  }
  if (isAway(error)) {
    const hint = 'the hub goes on by itself when it is back';
    return new AppError('UNAVAILABLE', `${place} cannot be reached (${what})`, { hint, cause: error });
  }
  return error;
}
