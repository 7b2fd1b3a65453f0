import type { Instance } from './instance.ts';
import type { Placement } from './placement.ts';

/** A virtual machine that runs before there is a task for it. */
export interface WarmInstance extends Instance {
  /** Whether it can still be given to a task. Answers at once. */
  readonly alive: boolean;
  /** Resolves when it has died by itself. Never rejects. */
  readonly died: Promise<void>;
  /** Runs a script in the guest's login shell. Rejects with a sentence when the script fails; on abort too. */
  warmUp(script: string, signal: AbortSignal): Promise<void>;
}

/** How a machine is made, beyond what its placement says. */
export interface BootOptions {
  /** Goes into the machine's name: `standby`, or the id of a task. */
  readonly identity: string;
  /** Extra arguments of the command that runs the machine. */
  readonly runArguments: readonly string[];
  /** Whether to ask the registry for a newer image first. */
  readonly pull: boolean;
}

/** What boots machines ahead of their tasks. Each phase (pull, clone, boot, login) has a deadline of the engine's own. */
export interface WarmEngine {
  /** Resolves once commands can be run in it. Rejects with a sentence, and on abort, with nothing left behind. */
  boot(placement: Placement, options: BootOptions, signal: AbortSignal): Promise<WarmInstance>;
  /** Fetches an image; true when it is another one than before. Rejects with a sentence. */
  pull(image: string, signal: AbortSignal): Promise<boolean>;
}

/** Engines by the kind of isolation that they boot. */
export type WarmEngines = Readonly<Partial<Record<'tart' | 'vetu', WarmEngine>>>;
