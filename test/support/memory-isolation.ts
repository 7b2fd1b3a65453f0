import type { AgentOutcome, AgentTask, Instance } from '../../src/isolation/instance.ts';
import type { Placement } from '../../src/isolation/placement.ts';

/** One instance that was asked for, and how to make it do what a test wants. */
export class MemoryInstance implements Instance {
  readonly ran = Promise.withResolvers<AgentTask>();
  readonly #end = Promise.withResolvers<AgentOutcome>();
  readonly #closing = Promise.withResolvers<readonly string[]>();
  signal: AbortSignal | undefined;
  closed = false;

  /** `obedient`: ends at once when it is cancelled. `hangs`: does not close until `letGo`. */
  constructor(private readonly nature: { readonly obedient: boolean; readonly hangs: boolean }) {}

  run(task: AgentTask, signal: AbortSignal): Promise<AgentOutcome> {
    this.signal = signal;
    this.ran.resolve(task);
    if (this.nature.obedient) {
      const cut = () => this.end('cut short');
      if (signal.aborted) cut();
      signal.addEventListener('abort', cut, { once: true });
    }
    return this.#end.promise;
  }

  end(problem: string | null = null): void {
    this.#end.resolve({ problem });
  }

  letGo(): void {
    this.#closing.resolve([]);
  }

  close(): Promise<readonly string[]> {
    this.closed = true;
    return this.nature.hangs ? this.#closing.promise : Promise.resolve([]);
  }
}

/** Isolation without a machine: instances that tests end, crash and hang at will. */
export class MemoryIsolation {
  readonly instances: MemoryInstance[] = [];
  readonly placements: Placement[] = [];
  obedient = true;
  hangs = false;
  /** Runs each task to its end at once. */
  instant = false;
  /** Refuses with this instead of making an instance. */
  refusal: Error | undefined;
  /** Holds back the making of instances. */
  gate: Promise<void> = Promise.resolve();

  create = async (placement: Placement): Promise<Instance> => {
    this.placements.push(placement);
    await this.gate;
    if (this.refusal !== undefined) throw this.refusal;
    const { obedient, hangs, instant } = this;
    const instance = new MemoryInstance({ obedient, hangs });
    if (instant) instance.end();
    else this.instances.push(instance);
    return instance;
  };

  /** The instance of that number, once its agent runs. */
  get last(): MemoryInstance {
    const instance = this.instances.at(-1);
    if (instance === undefined) throw new Error('no instance was made');
    return instance;
  }
}
