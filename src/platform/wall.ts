import type { Writable } from 'node:stream';
import type { Clock } from './clock.ts';
import { spawn } from './processes.ts';

/** Longest notice; a terminal is no place for more. */
const MAX_CHARACTERS = 400;

/** What is written to every terminal: one line of printable characters. */
export function wallText(reason: string): string {
  const clean = reason.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return `pwagent ends this machine: ${clean}`.slice(0, MAX_CHARACTERS);
}

function give(stdin: Writable | null, text: string): void {
  stdin?.on('error', () => {}); // it left without reading: its exit code tells
  stdin?.end(`${text}\n`);
}

/**
 * Writes a notice to the terminals of all who are logged in. The reason goes by standard input, never by the command
 * line. Best effort: resolves to null, or to what went wrong; after `timeoutMs`, or an abort, the program is killed.
 */
export async function notifyUsers(
  reason: string,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
  program = '/usr/bin/wall',
): Promise<string | null> {
  const done = new AbortController();
  try {
    const child = await spawn({ argv: [program], env: { PATH: '/usr/bin:/bin', LANG: 'C' }, cwd: '/', stdin: 'pipe' });
    give(child.stdin, wallText(reason));
    const bound = clock.sleep(timeoutMs, AbortSignal.any([done.signal, signal])).then(
      () => 'timeout' as const,
      () => 'left' as const,
    );
    const first = await Promise.race([child.exited, bound]);
    if (typeof first === 'object') return first.code === 0 ? null : `${program} ended with code ${first.code}`;
    child.signalGroup('SIGKILL');
    return `${program} did not end in time`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    done.abort();
  }
}
