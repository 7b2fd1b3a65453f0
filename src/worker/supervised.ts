import { z } from 'zod';
import { AppError } from '../lib/errors.ts';
import type { ControlChannel } from '../platform/control-channel.ts';

const setupSchema = z.object({
  type: z.literal('setup'),
  name: z.string(),
  configFile: z.string(),
  configText: z.string(),
  token: z.string().nullable(),
  passEnvironment: z.array(z.string()),
});

/** What the supervisor hands over at start, on the channel: no secret is in argv or the environment. */
export type SupervisedSetup = Omit<z.output<typeof setupSchema>, 'type'>;

export interface Orders {
  /** Resolves with the setup; rejects when the supervisor goes away first or speaks another language. */
  readonly setup: Promise<SupervisedSetup>;
  /** Hears `true` for pause and `false` for resume. */
  onPause(listener: (paused: boolean) => void): void;
  /** Aborts when the supervisor is gone: a worker without one must not stay. */
  readonly gone: AbortSignal;
}

/** Listens to the supervisor. */
export function listenToSupervisor(channel: ControlChannel): Orders {
  const setup = Promise.withResolvers<SupervisedSetup>();
  const gone = new AbortController();
  const listeners: ((paused: boolean) => void)[] = [];
  const tell = (paused: boolean) => {
    for (const listener of listeners) listener(paused);
  };
  const onMessage = (message: unknown) => {
    const type = (message as { type?: unknown }).type;
    if (type === 'pause') return tell(true);
    if (type === 'resume') return tell(false);
    if (type !== 'setup') return;
    const parsed = setupSchema.safeParse(message);
    if (parsed.success) setup.resolve(parsed.data);
    else
      setup.reject(
        new AppError('CONFIG', 'the supervisor sent a set-up that this worker does not understand', {
          hint: 'restart the supervisor with the same version',
        }),
      );
  };
  channel.listen(onMessage, () => {
    gone.abort('supervisor-gone');
    setup.reject(new AppError('UNAVAILABLE', 'the supervisor went away'));
  });
  return { setup: setup.promise, onPause: (listener) => void listeners.push(listener), gone: gone.signal };
}
