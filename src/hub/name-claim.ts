import { formatDuration } from '../lib/duration.ts';
import { printable } from '../lib/printable.ts';

/** The label by which a worker that was restarted shows that it is the one that held its name before. */
export const INSTANCE_ID_LABEL = 'instance-id';

/** Who has a name now. */
export interface NameHolder {
  readonly labels: Readonly<Record<string, string>>;
  /** Address that it registered from. */
  readonly peer: string;
  /** It missed its deadline. */
  readonly silent: boolean;
}

export type NameClaim =
  | { readonly kind: 'free' }
  /** `why` follows the name in a sentence. */
  | { readonly kind: 'taken'; readonly host: string; readonly why: string };

/**
 * Whether a worker with `labels` may have the name of `holder`: at once when both have the same instance id, else only
 * when the holder has missed its deadline. Two machines with one name must not take tasks from each other in turns.
 */
export function judgeName(
  holder: NameHolder,
  labels: Readonly<Record<string, string>>,
  sinceLastPollMs: number,
): NameClaim {
  const own = labels[INSTANCE_ID_LABEL] ?? '';
  if (holder.silent || (own !== '' && own === holder.labels[INSTANCE_ID_LABEL])) return { kind: 'free' };
  const host = printable(holder.labels.hostname || holder.peer || 'an unknown host', 100);
  const ago = formatDuration(Math.max(0, sinceLastPollMs));
  return {
    kind: 'taken',
    host,
    why: `is taken by the worker on ${host}, whose last poll was ${ago} ago; give this one another name, or wait until the other is gone for good`,
  };
}
