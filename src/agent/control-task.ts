import { z } from 'zod';
import { AppError } from '../lib/errors.ts';
import type { ControlChannel } from '../platform/control-channel.ts';
import type { Environment } from '../platform/environment.ts';
import type { AgentOptions } from './run-agent.ts';

/** A task with where it may be done. */
export interface ControlledTask {
  readonly options: AgentOptions;
  /** Folder for what the agent keeps to itself, which the worker removes even when the agent cannot; undefined for the common one. */
  readonly privateDirectory: string | undefined;
  /** What scripts inherit, where it is not the agent's own: an agent may have been started before its task was known. */
  readonly environment: Environment | undefined;
}

/** What the worker sends first, and once. */
const taskMessage = z.strictObject({
  type: z.literal('task'),
  apiEndpoint: z.string(),
  taskId: z.string().min(1),
  serverToken: z.string(),
  clientToken: z.string(),
  workingDirectory: z.string().optional(),
  privateDirectory: z.string().optional(),
  environment: z.record(z.string(), z.string()).optional(),
});

function taskOf(message: unknown): ControlledTask {
  const parsed = taskMessage.safeParse(message);
  if (!parsed.success) {
    const hint = 'worker and agent must be of the same version';
    throw new AppError('USAGE', 'the control channel brought something that is no task', { hint, cause: parsed.error });
  }
  const { type: _type, workingDirectory, privateDirectory, environment, ...task } = parsed.data;
  return { options: { ...task, commandFrom: '', commandTo: '', workingDirectory }, privateDirectory, environment };
}

/**
 * Waits for the task on the control channel. `onClose` is called when the worker is gone. Rejects with an `AppError` when
 * something else comes, or nothing before it closes.
 */
export function receiveTask(channel: ControlChannel, onClose: () => void): Promise<ControlledTask> {
  return new Promise((resolve, reject) => {
    channel.listen(
      (message) => {
        try {
          resolve(taskOf(message));
        } catch (error) {
          reject(error);
        }
      },
      () => {
        const hint = '--control is for the worker, which opens descriptor 3';
        reject(new AppError('USAGE', 'the control channel brought no task', { hint }));
        onClose();
      },
    );
  });
}
