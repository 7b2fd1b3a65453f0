import { type Clock, systemClock } from '../../platform/clock.ts';
import type { Environment } from '../../platform/environment.ts';
import { type OutputPipe, openOutputPipe } from '../../platform/pipe.ts';
import { type Child, type Exit, spawn } from '../../platform/processes.ts';
import { randomToken } from '../../platform/random.ts';
import type { StopReason } from '../task-limits.ts';
import { within } from '../within.ts';
import { endProcesses, groupMembers, programTree, STEP_MARK } from './end-processes.ts';

/** Time between asking processes to end and killing them. */
const STOP_GRACE_MS = 3_000;

/** The same for what a script that has ended by itself left in its group. */
const STRAY_GRACE_MS = 1_000;

/** Time for the last output after the program and its group have ended: only a process in another session holds it then. */
const DRAIN_MS = 500;

export interface ProgramOptions {
  readonly argv: readonly string[];
  /** The complete environment. */
  readonly env: Environment;
  readonly cwd: string;
  /** Whether processes may outlive the program (`CIRRUS_ESCAPING_PROCESSES`). */
  readonly mayEscape: boolean;
}

export type ProgramEnd =
  | { readonly tag: 'exited'; readonly code: number; readonly outputHeld: boolean }
  | { readonly tag: 'killed'; readonly signal: string; readonly outputHeld: boolean }
  /** `running`: the processes that had to be ended, each as `pid command`. */
  | { readonly tag: 'stopped'; readonly reason: StopReason; readonly running: readonly string[] };

function abortOf(signal: AbortSignal): { readonly aborted: Promise<'aborted'>; readonly release: () => void } {
  const { promise, resolve } = Promise.withResolvers<'aborted'>();
  const onAbort = () => resolve('aborted');
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return { aborted: promise, release: () => signal.removeEventListener('abort', onAbort) };
}

/** A program that runs in a session of its own, with stdout and stderr in one pipe and nothing to read. */
export class Program {
  #reading: Promise<void> = Promise.resolve();
  #outputError: unknown;
  #listening = true;

  private constructor(
    private readonly child: Child,
    private readonly mark: string,
    private readonly pipe: OutputPipe,
    private readonly mayEscape: boolean,
    private readonly clock: Clock,
  ) {}

  /** Starts it. Rejects with an `AppError` when it cannot be started. `onOutput` is called for one chunk at a time. */
  static async start(
    { argv, env, cwd, mayEscape }: ProgramOptions,
    onOutput: (chunk: Uint8Array) => Promise<void>,
    clock: Clock = systemClock,
  ): Promise<Program> {
    const pipe = openOutputPipe();
    const mark = randomToken(16);
    try {
      const { writeFd } = pipe;
      const child = await spawn({ argv, env: { ...env, [STEP_MARK]: mark }, cwd, stdout: writeFd, stderr: writeFd });
      pipe.closeWriteEnd();
      const program = new Program(child, mark, pipe, mayEscape, clock);
      program.#read(onOutput);
      return program;
    } catch (error) {
      await pipe.close();
      throw error;
    }
  }

  /** Settles once the program itself has ended; what it has started may live on. Never rejects. */
  get exited(): Promise<Exit> {
    return this.child.exited;
  }

  #read(onOutput: (chunk: Uint8Array) => Promise<void>): void {
    this.#reading = this.pipe.read(async (chunk) => {
      if (!this.#listening) return; // a process that got away goes on writing: let it, or it would die of SIGPIPE
      try {
        await onOutput(chunk);
      } catch (error) {
        this.#outputError ??= error; // go on reading, or the program would stand still
      }
    });
  }

  /**
   * Waits for the end of the program. When `signal` aborts first, everything that it has started is ended. Rejects with
   * what `onOutput` has thrown, once the program is over.
   */
  async wait(signal: AbortSignal): Promise<ProgramEnd> {
    const { aborted, release } = abortOf(signal);
    const first = await Promise.race([this.child.exited, aborted]);
    release();
    if (first === 'aborted') {
      const reason = signal.reason as StopReason;
      const running = programTree(this.child.pid, this.mark).map(({ pid, command }) => `${pid} ${command}`);
      await this.stop(reason === 'abandoned' ? signal : AbortSignal.any([]));
      return { tag: 'stopped', reason, running };
    }
    const outputHeld = await this.#settle();
    if (this.#outputError !== undefined) throw this.#outputError;
    return this.#endOf(first, outputHeld);
  }

  #endOf({ code, signal }: Exit, outputHeld: boolean): ProgramEnd {
    if (code !== null) return { tag: 'exited', code, outputHeld };
    return { tag: 'killed', signal: signal ?? 'unknown signal', outputHeld };
  }

  /** Ends strays of the group and takes the last output. True when somebody else still holds the pipe. */
  async #settle(): Promise<boolean> {
    const { pid } = this.child;
    if (!this.mayEscape) await endProcesses(() => groupMembers(pid), STRAY_GRACE_MS, this.clock, AbortSignal.any([]));
    return !(await this.#drain());
  }

  async #drain(): Promise<boolean> {
    const atEnd = await within(this.#reading, DRAIN_MS, this.clock);
    this.#listening = false;
    if (atEnd) await this.pipe.close();
    return atEnd;
  }

  /** Ends the program and all that it has started, and takes its last output. `hurry` cuts the time to end in good order. */
  async stop(hurry: AbortSignal): Promise<void> {
    await endProcesses(() => programTree(this.child.pid, this.mark), STOP_GRACE_MS, this.clock, hurry);
    await this.#drain();
  }
}
