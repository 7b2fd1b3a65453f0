import { AppError, describeError } from '../lib/errors.ts';
import type { Clock } from './clock.ts';
import { errnoOf } from './files.ts';
import { type Child, spawn } from './processes.ts';

const ENVIRONMENT = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin', HOME: '/', LANG: 'C' };

/** No process or memory is free just now: worth another try, since others end all the time. */
const SCARCE: readonly (string | undefined)[] = ['EAGAIN', 'ENOMEM'];
const SCARCE_PAUSE_MS = 200;
const SCARCE_TRIES = 10;

/** Runs a program; resolves to null when it succeeded, to the reason when not. Never rejects. */
export type RunProgram = (argv: readonly string[], timeoutMs: number, signal: AbortSignal) => Promise<string | null>;

type Start = (argv: readonly string[]) => Promise<Child>;

/** Output goes to the supervisor's standard error: nothing is written that needs free disk. */
function startProgram(argv: readonly string[]): Promise<Child> {
  return spawn({ argv, env: ENVIRONMENT, cwd: '/', stdout: 2, stderr: 2 });
}

function isScarcity(error: unknown): boolean {
  return error instanceof AppError && SCARCE.includes(errnoOf(error.cause));
}

async function startWhenPossible(start: Start, argv: readonly string[], clock: Clock, signal: AbortSignal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(argv);
    } catch (error) {
      if (!isScarcity(error) || attempt >= SCARCE_TRIES) throw error;
      await clock.sleep(SCARCE_PAUSE_MS, signal);
    }
  }
}

/** Programs with a process group of their own, bounded in time; a full process table is tried for two seconds. */
export function programRunner(clock: Clock, start: Start = startProgram): RunProgram {
  return async (argv, timeoutMs, signal) => {
    const bound = new AbortController();
    try {
      const child = await startWhenPossible(start, argv, clock, signal);
      const timeout = clock
        .sleep(timeoutMs, AbortSignal.any([bound.signal, signal]))
        .then(() => 'timeout' as const)
        .catch(() => 'left' as const);
      const first = await Promise.race([child.exited, timeout]);
      if (first === 'left') return 'the supervisor left';
      if (first === 'timeout') {
        child.signalGroup('SIGKILL');
        return `${argv[0]} did not end in time and was killed`;
      }
      if (first.code === 0) return null;
      return `${argv[0]} ${first.signal === null ? `ended with code ${first.code}` : `was killed by ${first.signal}`}`;
    } catch (error) {
      return signal.aborted ? 'the supervisor left' : describeError(error);
    } finally {
      bound.abort();
    }
  };
}
