import { Readable } from 'node:stream';
import { AppError } from '../../lib/errors.ts';
import type { Environment } from '../../platform/environment.ts';
import { spawn } from '../../platform/processes.ts';

/** Set by git while it runs hooks; they would point at another repository than the folder's own. */
const HOOK_VARIABLES = /^GIT_(?:DIR|WORK_TREE|INDEX_FILE|PREFIX|OBJECT_DIRECTORY|COMMON_DIR)$/;

async function bytesOf(stream: Readable | null): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? Readable.from([])) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** What git answers in `folder`, or undefined when there is no git, no repository, or no answer. */
export async function askGit(
  folder: string,
  args: readonly string[],
  env: Environment,
  signal: AbortSignal,
): Promise<string | undefined> {
  signal.throwIfAborted();
  const kept = Object.entries(env).filter(([name]) => !HOOK_VARIABLES.test(name));
  const own = { ...Object.fromEntries(kept), GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' };
  try {
    const child = await spawn({ argv: ['git', ...args], env: own, cwd: folder, stdout: 'pipe' });
    const kill = () => child.signalGroup('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    const [output, exit] = await Promise.all([bytesOf(child.stdout), child.exited]);
    signal.removeEventListener('abort', kill);
    signal.throwIfAborted();
    return exit.code === 0 ? output.toString('utf8') : undefined;
  } catch (error) {
    if (error instanceof AppError) return undefined; // not installed
    throw error;
  }
}
