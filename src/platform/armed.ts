import { AppError } from '../lib/errors.ts';

/**
 * Proof that this machine is an instance that may be powered off. The real effects on the machine take it as a
 * parameter and check that it came from `grantArmed`, so that no mistake elsewhere can reach them.
 */
export interface Armed {
  readonly instanceId: string;
}

const granted = new WeakSet<Armed>();

/** Called by the one place that decides it (`decideArming` of the supervisor). */
export function grantArmed(instanceId: string): Armed {
  const armed = Object.freeze({ instanceId });
  granted.add(armed);
  return armed;
}

/** Throws `AppError` (NO_PERMISSION) unless `armed` was granted; a look-alike is refused. */
export function requireArmed(armed: Armed): void {
  if (granted.has(armed)) return;
  throw new AppError('NO_PERMISSION', 'this supervisor is not armed: it may not power off the machine', {
    hint: 'pwagent install writes the marker that arms it',
  });
}
