import { AppError, describeError } from '../lib/errors.ts';
import type { Clock } from './clock.ts';
import { type Child, spawn } from './processes.ts';

const ENVIRONMENT = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LANG: 'C' };

/** More than this of what a program says is thrown away. */
const MAX_SAID = 4_000;

export interface Fed {
  /** Null when it succeeded; else why not, with its own words. */
  readonly problem: string | null;
  /** What it printed, both streams, the beginning of it. */
  readonly said: string;
}

/** Runs a program that reads `input`. Never rejects; after `timeoutMs`, or an abort, it is killed. */
export type FeedProgram = (
  argv: readonly string[],
  input: string,
  timeoutMs: number,
  signal: AbortSignal,
) => Promise<Fed>;

function listen({ stdin, stdout, stderr }: Child, input: string): { text: string; closed: Promise<unknown> } {
  const said = { text: '', closed: Promise.resolve() as Promise<unknown> };
  const ends = [stdout, stderr].map((stream) => {
    stream?.on('data', (data: Uint8Array) => {
      said.text = (said.text + new TextDecoder().decode(data)).slice(0, MAX_SAID);
    });
    return new Promise<void>((resolve) => (stream === null ? resolve() : stream.once('close', resolve)));
  });
  said.closed = Promise.all(ends);
  stdin?.on('error', () => {}); // it left without reading: its exit code tells
  stdin?.end(input);
  return said;
}

async function outcome(child: Child, program: string, said: { readonly text: string }): Promise<string | null> {
  const { code, signal } = await child.exited;
  if (code === 0) return null;
  const words = said.text.replace(/\p{Cc}+/gu, ' ').trim();
  return `${program} ${signal === null ? `ended with code ${code}` : `was killed by ${signal}`}${words === '' ? '' : `: ${words}`}`;
}

export function programFeeder(clock: Clock): FeedProgram {
  return async (argv, input, timeoutMs, signal) => {
    const [program = ''] = argv;
    const done = new AbortController();
    try {
      const child = await spawn({
        argv,
        env: ENVIRONMENT,
        cwd: '/',
        stdin: 'pipe',
        stdout: 'pipe',
        stderr: 'pipe',
      });
      const said = listen(child, input);
      const late = clock.sleep(timeoutMs, AbortSignal.any([done.signal, signal])).then(
        () => 'late' as const,
        () => 'late' as const,
      );
      const finished = Promise.all([child.exited, said.closed]);
      if ((await Promise.race([finished, late])) === 'late') {
        child.signalGroup('SIGKILL');
        return { problem: `${program} did not end in time`, said: said.text };
      }
      return { problem: await outcome(child, program, said), said: said.text };
    } catch (error) {
      const told = error instanceof AppError ? describeError(error) : `${program}: ${String(error)}`;
      return { problem: told, said: '' };
    } finally {
      done.abort();
    }
  };
}
