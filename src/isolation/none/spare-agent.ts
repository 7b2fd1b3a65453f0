import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Environment } from '../../platform/environment.ts';
import { type Child, spawn } from '../../platform/processes.ts';
import { randomToken } from '../../platform/random.ts';
import { TASK_MARK } from './leftovers.ts';

/** An agent that has started and waits for its task, with the mark that everything of that task will carry. */
export interface ReadyAgent {
  readonly child: Child;
  readonly mark: string;
}

interface SpareOptions {
  /** argv that starts the agent, up to and without its options. */
  readonly agentCommand: readonly string[];
  readonly environment: Environment;
  /** Folder that outlives the tasks; the agent goes to the task's own when it gets it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The next one starts a moment after the last was taken, so that it does not compete with the task that begins. */
const NEXT_AFTER_MS = 1_000;

async function startAgent({ agentCommand, environment, folder }: SpareOptions): Promise<ReadyAgent> {
  const mark = randomToken(16);
  const child = await spawn({
    argv: [...agentCommand, '--control'],
    cwd: folder,
    env: { ...environment, [TASK_MARK]: mark },
    stderr: 'pipe',
    control: true,
  });
  return { child, mark };
}

/**
 * Keeps one agent started ahead of the task that it will run: starting a process is most of the time between a task's
 * arrival and its first step. An agent runs one task, in any case.
 */
export class SpareAgent {
  #spare: ReadyAgent | undefined;
  #cancel = () => {};
  #closed = false;

  constructor(private readonly options: SpareOptions) {}

  /** Starts the first one. A failure is told when a task needs one. */
  async prepare(): Promise<void> {
    if (this.#closed || this.#spare !== undefined) return;
    try {
      const ready = await startAgent(this.options);
      if (this.#closed) return ready.child.signalGroup('SIGKILL');
      this.#spare = ready;
      void ready.child.exited.then(() => {
        if (this.#spare === ready) this.#spare = undefined; // somebody ended it: the next task starts its own
      });
    } catch (error) {
      this.options.log.debug('no agent could be started ahead', { error: String(error) });
    }
  }

  /** An agent that waits for its task. Rejects with an `AppError` when none can be started. */
  async take(): Promise<ReadyAgent> {
    const spare = this.#spare;
    this.#spare = undefined;
    this.#cancel();
    this.#cancel = this.options.clock.after(NEXT_AFTER_MS, () => void this.prepare());
    return spare ?? (await startAgent(this.options));
  }

  /** Ends the one that waits. */
  close(): void {
    this.#closed = true;
    this.#cancel();
    this.#spare?.child.signalGroup('SIGKILL');
    this.#spare = undefined;
  }
}
