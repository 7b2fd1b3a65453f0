import type { FeedProgram } from './feed-program.ts';

/** Longest notice; a terminal is no place for more. */
const MAX_CHARACTERS = 400;

/** What is written to every terminal: one line of printable characters. */
export function wallText(reason: string): string {
  const clean = reason.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return `pwagent ends this machine: ${clean}`.slice(0, MAX_CHARACTERS);
}

/**
 * Writes a notice to the terminals of all who are logged in. The reason goes by standard input, never by the command
 * line. Best effort: resolves to null, or to what went wrong; after `timeoutMs`, or an abort, the program is killed.
 */
export async function notifyUsers(
  reason: string,
  timeoutMs: number,
  feed: FeedProgram,
  signal: AbortSignal,
  program = '/usr/bin/wall',
): Promise<string | null> {
  return (await feed([program], `${wallText(reason)}\n`, timeoutMs, signal)).problem;
}
