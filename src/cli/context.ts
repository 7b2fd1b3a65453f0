import type { Environment } from '../platform/environment.ts';

/** Where a command prints to. */
export interface Output {
  write(text: string): void;
  /** Whether a person is looking: a terminal, wide as `columns`. */
  readonly isTty: boolean;
  /** Colours are wanted: a terminal, and `NO_COLOR` is not set. */
  readonly colour: boolean;
  readonly columns: number;
}

/** What a command gets from the process; made by `main.ts` alone. */
export interface CliContext {
  readonly env: Environment;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Takes SIGHUP over, which is a stop otherwise: programs that rotate logs send it. */
  readonly onHangup: (listener: () => void) => void;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP (the terminal was closed): end what you do in good order. The reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Aborts at the second: leave now. */
  readonly hurry: AbortSignal;
}

/** A file of `src/cli` that holds a command. `args` are the words after its name; the result is the exit code. */
export interface CommandModule {
  run(args: readonly string[], context: CliContext): Promise<number>;
}
