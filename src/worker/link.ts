import type { ControlChannel } from '../platform/control-channel.ts';
import type { WorkerMessage } from '../platform/worker-link.ts';

/** What a supervised worker tells its supervisor; does nothing for one that runs on its own. */
export interface WorkerLink {
  /** A server has accepted this worker: it serves from now on. */
  registered(): void;
  state(intake: 'open' | 'paused', running: readonly { id: string; startedAtMs: number }[]): void;
  /** The loop has turned once more; a poll that failed counts too. */
  progress(): void;
  /** Why the worker cannot serve, or null when that is over. */
  trouble(message: string | null): void;
}

export const noLink: WorkerLink = { registered() {}, state() {}, progress() {}, trouble() {} };

export function channelLink(channel: ControlChannel): WorkerLink {
  const send = (message: WorkerMessage) => channel.send(message);
  return {
    registered: () => send({ type: 'registered' }),
    state: (intake, running) => {
      const list = running.map(({ id, startedAtMs }) => ({ id, startedAt: new Date(startedAtMs).toISOString() }));
      send({ type: 'state', intake, running: list });
    },
    progress: () => send({ type: 'progress' }),
    trouble: (message) => send({ type: 'trouble', message }),
  };
}
