import type { Clock } from '../platform/clock.ts';
import type { Identity } from '../platform/metadata/documents.ts';
import type { Metadata } from '../platform/metadata/metadata.ts';
import { readLaunch } from './cloud-watch.ts';
import type { Loaded } from './journal.ts';
import type { Launch } from './launch.ts';
import type { SetUp } from './set-up.ts';

/** What was read of the instance before the session began. */
export interface SeenInstance {
  readonly launch: Launch;
  readonly identity: Identity;
}

/** How long a start waits for the identity of the instance, where it may change what happens first. */
const IDENTITY_MS = 5_500;

/** A new machine may have to wait for its network; nothing of it can be due so soon. */
const FIRST_START_MS = 30_000;

const AGAIN_MS = 500;

export interface Waiting {
  readonly limitMs: number;
  /** A service that does not answer is asked again until then: it must be there. */
  readonly again: boolean;
}

/**
 * How to wait for the metadata service before anything is decided: as long as it has not said which machine this is,
 * or how it is called, the first decisions could be wrong ones. Undefined: not at all.
 */
export function waitingForIdentity(
  { mayArm, config }: Pick<SetUp, 'mayArm' | 'config'>,
  loaded: Loaded,
  bootId: string,
): Waiting | undefined {
  const { source } = config.metadata;
  if (source === 'none') return undefined;
  const entry = loaded.tag === 'found' ? loaded.entry : undefined;
  const knowsInstance = entry !== undefined && entry.instanceId !== null;
  const otherBoot = knowsInstance && entry.mark.bootId !== bootId;
  const certain = mayArm || source === 'ec2';
  const forLife = certain ? !knowsInstance : otherBoot;
  const forName = config.name === undefined && (certain || entry?.settledNone !== true) && (!entry?.named || otherBoot);
  if (!forLife && !forName) return undefined;
  return { limitMs: mayArm && loaded.tag === 'absent' ? FIRST_START_MS : IDENTITY_MS, again: mayArm };
}

/** For a worker that cannot be started before the service has answered. */
export function waitingForArms(loaded: Loaded): Waiting {
  return { limitMs: loaded.tag === 'absent' ? FIRST_START_MS : IDENTITY_MS, again: true };
}

export interface SeeDeps {
  readonly metadata: Metadata | undefined;
  readonly clock: Clock;
  /** See `CloudWatchDeps`. */
  readonly isNew: () => boolean;
}

/** Asks which instance this is, within the bound. Undefined when nothing answered, or when told to stop. Never rejects. */
export async function seeInstance(
  { metadata, clock, isNew }: SeeDeps,
  { limitMs, again }: Waiting,
  stop: AbortSignal,
): Promise<SeenInstance | undefined> {
  if (metadata === undefined) return undefined;
  const done = new AbortController();
  const scope = AbortSignal.any([done.signal, stop]);
  const asking = async () => {
    for (;;) {
      const read = await readLaunch({ metadata, clock, isNew }, scope);
      if ('launch' in read) return read;
      if (!again) return undefined;
      await clock.sleep(AGAIN_MS, scope);
    }
  };
  const late = clock.sleep(limitMs, scope).then(() => undefined);
  try {
    return await Promise.race([asking(), late]);
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  } finally {
    done.abort();
  }
}
