import type { Clock } from './clock.ts';
import { endProcess } from './end-process.ts';
import type { Environment } from './environment.ts';
import { spawn } from './processes.ts';

/** How a program ended, and the first part of what it printed. */
export interface ProgramAnswer {
  /** Null when it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Output beyond this is read and thrown away. */
const MAX_OUTPUT_BYTES = 64 * 1024;

async function collect(stream: AsyncIterable<Uint8Array> | null): Promise<string> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    if (bytes < MAX_OUTPUT_BYTES) kept.push(chunk.subarray(0, MAX_OUTPUT_BYTES - bytes));
    bytes += chunk.length;
  }
  return Buffer.concat(kept).toString('utf8');
}

/**
 * Runs a short program for what it prints. After `limitMs`, or when `signal` aborts, it is ended with everything that
 * it started. Rejects with an `AppError` (CONFIG) when it cannot be started.
 */
export async function askProgram(
  argv: readonly string[],
  { env, limitMs, clock }: { readonly env: Environment; readonly limitMs: number; readonly clock: Clock },
  signal: AbortSignal,
): Promise<ProgramAnswer> {
  signal.throwIfAborted();
  const child = await spawn({ argv, env, cwd: '/', stdout: 'pipe', stderr: 'pipe' });
  const end = () => void endProcess(child, 1_000, clock);
  const cancel = clock.after(limitMs, end);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end(); // while it was being started
  try {
    const printed = Promise.all([collect(child.stdout), collect(child.stderr)]);
    const { code } = await child.exited;
    child.signalGroup('SIGKILL'); // what it left behind would keep the pipes open
    const [stdout, stderr] = await printed;
    return { code, stdout, stderr };
  } finally {
    cancel();
    signal.removeEventListener('abort', end);
  }
}
