import type { Instance } from '../../isolation/instance.ts';
import { describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';

/** Time that a standby has to remove itself before a new one is begun in spite of it. */
const CLOSE_LIMIT_MS = 5 * 60_000;

/** Closes a standby; what goes wrong is told. Resolves when it is gone or its time is over, and never rejects. */
export async function closeStandby(instance: Instance, { clock, log }: { clock: Clock; log: Logger }): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const cancel = clock.after(CLOSE_LIMIT_MS, () => late.resolve('late'));
  const closing = instance.close().then(
    (troubles) => {
      for (const trouble of troubles) log.warn(trouble);
    },
    (error: unknown) => log.error('closing the standby failed', { error: describeError(error) }),
  );
  if ((await Promise.race([closing, late.promise])) === 'late') log.error('the standby does not close');
  cancel();
}
