import type { Environment } from '../platform/environment.ts';

/** What an agent needs to know to run one task. The two secrets travel by descriptor, never in argv or environment. */
export interface AgentTask {
  readonly taskId: string;
  /** Endpoint string of the server, as the agent shall dial and report it. */
  readonly apiEndpoint: string;
  /** The agent compares it with what the server answers. */
  readonly serverSecret: string;
  /** Authenticates the agent for this task. */
  readonly clientSecret: string;
  /** Whole environment of the agent, which its scripts inherit. */
  readonly environment: Environment;
}

/** How an agent ended: `problem` says why it could not do its work; null when the task was carried through, passed or not. */
export interface AgentOutcome {
  readonly problem: string | null;
}

/** A place for one task: a folder, a container, a virtual machine. */
export interface Instance {
  /**
   * Runs the agent to its end. When `signal` aborts the task is cancelled: the agent gets a bounded time to end what
   * it must, then everything that belongs to the task is killed. Rejects only when the agent could not be started.
   */
  run(task: AgentTask, signal: AbortSignal): Promise<AgentOutcome>;
  /**
   * Removes all that the instance made; what cannot be removed is told, not thrown. It may take long: the worker goes on
   * after a while, and keeps the place out of use until this has ended.
   */
  close(): Promise<readonly string[]>;
}
