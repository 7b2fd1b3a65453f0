import { connect } from 'node:net';
import type { Clock } from './clock.ts';
import { errnoOf } from './files.ts';

/** Whether something takes connections there: undefined, or the reason why not. Never rejects. */
export function probeTcp(
  { host, port }: { readonly host: string; readonly port: number },
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (problem: string | undefined) => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(problem);
    };
    const onAbort = () => settle('stopped');
    const cancel = clock.after(limitMs, () => settle('no answer in time'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => settle(undefined));
    socket.once('error', (error) => settle(errnoOf(error) ?? error.message));
  });
}
