import type { Environment } from '../../platform/environment.ts';
import type { ArtifactsApi } from '../artifacts/artifacts-api.ts';
import type { TaskCaches } from '../cache/task-caches.ts';
import type { RetryDeps } from '../retry.ts';
import type { SecretSet } from '../secret-set.ts';
import type { StopReason } from '../task-limits.ts';

/** Where a step's output goes. */
export interface StepOutput {
  write(bytes: Uint8Array): Promise<void>;
  /** One line of the agent's own. */
  print(text: string): Promise<void>;
}

/** What an instruction gets of its task. */
export interface StepContext extends RetryDeps {
  /** Variables of the task, expanded, with this step's `CIRRUS_ENV`. */
  readonly environment: Environment;
  /** Variables of the agent's own process. */
  readonly process: Environment;
  readonly workingFolder: string;
  /** Private folder of the task, removed at its end. */
  readonly temporary: string;
  readonly output: StepOutput;
  readonly secrets: SecretSet;
  readonly artifacts: ArtifactsApi;
  readonly caches: TaskCaches;
}

/** What a step has left running. */
export interface Running {
  /** Ends it with all that it has started, and takes its last output. `hurry` cuts the time to end in good order. */
  stop(hurry: AbortSignal): Promise<void>;
}

/** How a step ended. What a person has to be told is in its log already, save for the reason of `stopped`. */
export type StepOutcome =
  | { readonly tag: 'completed'; readonly exitCode?: number }
  /** `signalled`: the script itself died of a signal that the agent did not send. */
  | { readonly tag: 'failed'; readonly exitCode?: number; readonly signalled?: boolean }
  | { readonly tag: 'stopped'; readonly reason: StopReason; readonly running?: readonly string[] }
  /** Runs on until the end of the task. */
  | { readonly tag: 'background'; readonly running: Running }
  /** Ends the task here. */
  | { readonly tag: 'exit' };

/** An instruction throws `AppError` for what a person can mend; the step has then failed with that sentence in its log. */
export type Perform<Instruction> = (
  instruction: Instruction,
  context: StepContext,
  signal: AbortSignal,
) => Promise<StepOutcome>;
