import { AppError } from '../lib/errors.ts';
import type { ControlChannel } from '../platform/control-channel.ts';
import { parseSupervisorMessage, type WorkerSetup } from '../platform/worker-link.ts';

export interface Orders {
  /** Resolves with the setup; rejects when the supervisor goes away first or speaks another language. */
  readonly setup: Promise<WorkerSetup>;
  /** Hears `true` for pause and `false` for resume. */
  onPause(listener: (paused: boolean) => void): void;
  /** Aborts when the supervisor is gone: a worker without one must not stay. */
  readonly gone: AbortSignal;
}

function notUnderstood(): AppError {
  const hint = 'restart the supervisor, so that both have the same version';
  return new AppError('CONFIG', 'the supervisor sent a set-up that this worker does not understand', { hint });
}

/** Listens to the supervisor. */
export function listenToSupervisor(channel: ControlChannel): Orders {
  const setup = Promise.withResolvers<WorkerSetup>();
  const gone = new AbortController();
  const listeners: ((paused: boolean) => void)[] = [];
  const tell = (paused: boolean) => {
    for (const listener of listeners) listener(paused);
  };
  const onMessage = (value: unknown) => {
    const message = parseSupervisorMessage(value);
    if (message?.type === 'setup') setup.resolve(message);
    else if (message !== undefined) tell(message.type === 'pause');
    else if ((value as { type?: unknown } | null)?.type === 'setup') setup.reject(notUnderstood());
  };
  channel.listen(onMessage, () => {
    gone.abort('supervisor-gone');
    setup.reject(new AppError('UNAVAILABLE', 'the supervisor went away'));
  });
  return { setup: setup.promise, onPause: (listener) => void listeners.push(listener), gone: gone.signal };
}
