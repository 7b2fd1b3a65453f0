import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../lib/errors.ts';
import type { Environment } from '../../platform/environment.ts';
import { type Child, spawn } from '../../platform/processes.ts';

type Input = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

interface RunOptions {
  readonly env?: Environment;
  readonly input?: Input;
  /** Most that is kept of the output; by default 64 KiB. */
  readonly maxOutputBytes?: number;
}

/** The git program, working on one bare repository with nobody's settings but its own. */
export interface Git {
  /** Runs to the end and returns its output without the last newline. Throws `AppError` when it fails. */
  run(args: readonly string[], options: RunOptions, signal: AbortSignal): Promise<string>;
  /** Starts it with pipes on all three; the caller waits for it or ends it. */
  start(args: readonly string[], env: Environment): Promise<Child>;
}

/** At most this much of what a program says about itself is kept. */
const MAX_TEXT_BYTES = 64 * 1024;

/** The first `maxBytes` of a stream as text; reads on to the end, so that the writer never blocks. */
export async function textOf(stream: Readable | null, maxBytes = MAX_TEXT_BYTES): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    if (bytes < maxBytes) chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return Buffer.concat(chunks).toString('utf8', 0, Math.min(bytes, maxBytes));
}

function cleanEnvironment(path: string, home: string): Environment {
  return {
    PATH: path,
    HOME: home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
  };
}

/** Writes all of `input` to the child. Rejects when the input breaks off, or when the child does not take it. */
async function feed(child: Child, input: Input): Promise<void> {
  if (child.stdin !== null) await pipeline(Readable.from(input, { objectMode: true }), child.stdin);
}

async function finish(child: Child, { input, maxOutputBytes }: RunOptions, signal: AbortSignal) {
  const kill = () => child.signalGroup('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  try {
    const [feeding, output, complaint, exit] = await Promise.all([
      feed(child, input ?? []).then(
        () => undefined,
        (error: unknown) => {
          kill(); // half an input is no input
          return error;
        },
      ),
      textOf(child.stdout, maxOutputBytes),
      textOf(child.stderr),
      child.exited,
    ]);
    return { feeding, output, complaint, exit };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** `path` is the PATH to find git on; `folder` holds the repository and counts as git's home. */
export function createGit(path: string, folder: string, repository: string): Git {
  const base = cleanEnvironment(path, folder);
  // The folder may belong to another account than the hub's, as on a mounted volume; it is ours all the same.
  const prefix = ['git', '-c', `safe.directory=${repository}`, `--git-dir=${repository}`];
  const start = (args: readonly string[], env: Environment) =>
    spawn({
      argv: [...prefix, ...args],
      env: { ...base, ...env },
      cwd: folder,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    });
  return {
    start,
    async run(args, options, signal) {
      signal.throwIfAborted();
      const child = await start(args, options.env ?? {});
      const { feeding, output, complaint, exit } = await finish(child, options, signal);
      signal.throwIfAborted();
      if (exit.code === 0 && feeding === undefined) return output.trimEnd();
      if (feeding instanceof AppError) throw feeding;
      const [reason = ''] = complaint.trim().split('\n').slice(-1);
      throw new AppError('UNAVAILABLE', `git ${args[0]} failed${reason === '' ? '' : `: ${reason}`}`, {
        hint: `look at the repository ${repository}`,
        cause: feeding,
      });
    },
  };
}

/** Whether a git that can do our work is there. */
export async function gitWorks(git: Git, signal: AbortSignal): Promise<boolean> {
  try {
    return (await git.run(['version'], {}, signal)).startsWith('git version');
  } catch (error) {
    if (error instanceof AppError) return false; // not installed, or only a stub that asks to install it, as on macOS
    throw error;
  }
}
