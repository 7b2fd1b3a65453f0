import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Identity } from '../platform/metadata/documents.ts';
import type { Metadata } from '../platform/metadata/metadata.ts';
import type { ClockReading } from './age.ts';
import type { SupervisorConfig } from './config.ts';
import type { Life } from './life.ts';
import type { ArmedEffects } from './rungs.ts';
import type { SeenInstance } from './see-instance.ts';
import type { WorkerPlan } from './worker-plan.ts';

/** What a session is made of: everything that was found before the first decision, and what it tells to whom. */
export interface SessionParts {
  readonly config: SupervisorConfig;
  /** Of the machine. */
  readonly name: string;
  readonly plan: WorkerPlan;
  /** Why no worker can be started with this set-up; undefined when one can. */
  readonly unusable: string | undefined;
  readonly life: Life;
  /** The clocks when the life's age was reckoned. */
  readonly started: ClockReading;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dryRun: boolean;
  /** Undefined where the configuration says that there is none. */
  readonly metadata: Metadata | undefined;
  /** What was read of the instance before the session began. */
  readonly seen: SeenInstance | undefined;
  /** See `EndParts`. */
  readonly mayArm: boolean;
  /** Arms the machine if it may be; undefined when not. */
  readonly arm: (identity: Identity) => Promise<ArmedEffects | undefined>;
  /** Tells the cloud why the machine ends, where it may. */
  readonly tellEnd: (reason: string) => void;
  /** Hears that something was decided, or found by an audit. */
  readonly decided: () => void;
  /** Aborts when nothing may be waited for any more. */
  readonly leave: AbortSignal;
}
