import { type ControlChannel, parentChannel } from '../../platform/control-channel.ts';
import type { Environment } from '../../platform/environment.ts';
import type { Account } from '../../platform/privileges.ts';
import { type Child, spawn } from '../../platform/processes.ts';
import { TASK_MARK } from './leftovers.ts';

export interface AgentCommand {
  /** argv that starts the agent, up to and without its options. */
  readonly agentCommand: readonly string[];
  /** Whom agents run as, and who owns their folders: for a worker that stays root. */
  readonly agentUser?: Account | undefined;
}

/** An agent that waits for its task, or works on it. */
export interface AgentProcess {
  readonly child: Child;
  readonly channel: ControlChannel;
  /** In the environment of all that belongs to it. */
  readonly mark: string;
  /** Whether it has not ended yet. */
  readonly alive: boolean;
}

/** Starts an agent, which gets its task with the folder to work in over its channel. Rejects with an `AppError` when it cannot be started. */
export async function startAgent(
  { agentCommand, agentUser }: AgentCommand,
  environment: Environment,
  mark: string,
  cwd: string,
): Promise<AgentProcess> {
  const child = await spawn({
    argv: [...agentCommand, '--control'],
    cwd,
    env: { ...environment, [TASK_MARK]: mark },
    stderr: 'pipe',
    control: true,
    ...(agentUser === undefined ? {} : { user: agentUser }),
  });
  if (child.control === null) throw new TypeError('the agent has no channel');
  let alive = true;
  void child.exited.then(() => {
    alive = false;
  });
  return {
    child,
    channel: parentChannel(child.control),
    mark,
    get alive() {
      return alive;
    },
  };
}
