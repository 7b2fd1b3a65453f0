import type { Instance } from '../../src/isolation/instance.ts';
import type { Placement } from '../../src/isolation/placement.ts';
import type { BootOptions, WarmEngine, WarmInstance } from '../../src/isolation/warm-engine.ts';

/** A machine that exists in the memory of a test alone. */
export class MemoryMachine implements WarmInstance {
  readonly #died = Promise.withResolvers<void>();
  alive = true;
  closed = 0;
  /** Closing waits for this. */
  closing: Promise<void> = Promise.resolve();
  readonly warmUps: string[] = [];

  constructor(
    readonly placement: Placement,
    readonly options: BootOptions,
    private readonly onClose: () => void,
    private readonly warming: (signal: AbortSignal) => Promise<void>,
  ) {}

  get died(): Promise<void> {
    return this.#died.promise;
  }

  die(): void {
    this.alive = false;
    this.#died.resolve();
  }

  warmUp(script: string, signal: AbortSignal): Promise<void> {
    this.warmUps.push(script);
    return this.warming(signal);
  }

  run: Instance['run'] = async () => ({ problem: null });

  async close(): Promise<readonly string[]> {
    this.closed += 1;
    await this.closing;
    if (this.closed === 1) this.onClose();
    return [];
  }
}

/** Boots machines in memory, at once unless told otherwise, and remembers them; never more than its host has room for. */
export class MemoryEngine implements WarmEngine {
  readonly machines: MemoryMachine[] = [];
  readonly pulls: string[] = [];
  running = 0;
  mostAtOnce = 0;
  /** Replaced by tests: what a boot, a pull and a warm-up wait for, or fail with. */
  booting: (signal: AbortSignal) => Promise<void> = async () => {};
  pulling: (image: string) => Promise<boolean> = async () => false;
  warming: (signal: AbortSignal) => Promise<void> = async () => {};

  async boot(placement: Placement, options: BootOptions, signal: AbortSignal): Promise<WarmInstance> {
    await this.booting(signal);
    this.running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
    const onClose = () => {
      this.running -= 1;
    };
    const machine = new MemoryMachine(placement, options, onClose, (stop) => this.warming(stop));
    this.machines.push(machine);
    return machine;
  }

  async pull(image: string): Promise<boolean> {
    this.pulls.push(image);
    return this.pulling(image);
  }
}

/** A promise that rejects when the signal aborts, and never resolves. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  );
}
