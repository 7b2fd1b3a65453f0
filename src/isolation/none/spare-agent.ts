import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { AgentProcess } from './agent-process.ts';

/**
 * While nothing runs, one agent is started ahead of its task, since its start takes longer than many a script. It only
 * ever waits while no task is there: what a task leaves running, or does to processes of its own user, must not reach
 * the agent of the next. So a worker that is busy all the time has none.
 */
export class SpareAgent {
  #tasks = 0;
  #stopped = false;
  #waiting: AgentProcess | undefined;
  #starting = false;

  /** `start` makes an agent that waits for its task. */
  constructor(
    private readonly start: () => Promise<AgentProcess>,
    private readonly log: Logger,
  ) {}

  /** The worker is ready for tasks. */
  prepare(): void {
    if (this.#tasks > 0 || this.#stopped || this.#starting || this.#waiting !== undefined) return;
    this.#starting = true;
    this.start()
      .then((agent) => this.#keep(agent))
      .catch((error: unknown) => this.log.debug('no agent could be started ahead', { error: describeError(error) }))
      .finally(() => {
        this.#starting = false;
      });
  }

  #keep(agent: AgentProcess): void {
    if (this.#tasks > 0 || this.#stopped) {
      agent.child.signalGroup('SIGKILL');
      return;
    }
    this.#waiting = agent;
    void agent.child.exited.then(() => {
      if (this.#waiting === agent) this.#waiting = undefined; // the next task starts its own
    });
  }

  /** A task comes. Gives the waiting agent to the first one; `ended` has to follow. */
  begin(): AgentProcess | undefined {
    this.#tasks += 1;
    const agent = this.#waiting;
    this.#waiting = undefined;
    return agent;
  }

  /** A task that has begun is over, with nothing left of it. */
  ended(): void {
    this.#tasks -= 1;
    this.prepare();
  }

  /** No task comes any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting?.child.signalGroup('SIGKILL');
    this.#waiting = undefined;
  }
}
