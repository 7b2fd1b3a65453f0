import type { Instance } from '../isolation/instance.ts';
import type { Placement } from '../isolation/placement.ts';
import type { WarmEngines } from '../isolation/warm-engine.ts';
import { AppError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Isolation, PollResponse_AgentAwareTask } from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { Capacity } from './capacity.ts';
import type { WorkerOptions } from './configuration/options.ts';
import { type ModifierLease, ModifierPool } from './standby/modifier-pool.ts';
import { PrePull } from './standby/pre-pull.ts';
import { Standby } from './standby/standby.ts';
import type { StandbyOffer } from './standby-offer.ts';
import { instanceAttributes } from './telemetry/instance-attributes.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface PlacesDeps {
  /** Where a task may run by this worker's policy. Rejects with a sentence for its author. */
  readonly place: (isolation: Isolation | undefined) => Promise<Placement>;
  /** Makes that place, with extra arguments for its machine. Rejects with a sentence when it cannot be had. */
  readonly createInstance: (
    placement: Placement,
    runArguments: readonly string[],
    signal: AbortSignal,
  ) => Promise<Instance>;
  /** What can boot machines ahead of their tasks. */
  readonly engines: WarmEngines;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Closes the instance together with what was taken for it. */
function withRelease(instance: Instance, lease: ModifierLease): Instance {
  return {
    run: (task, signal) => instance.run(task, signal),
    close: () => instance.close().finally(() => lease.release()),
  };
}

/** The places of a worker where tasks run: those made for them, the one that stands by, and the images of both. */
export class Places {
  readonly #standby: Standby;
  readonly #modifiers: ModifierPool;
  readonly #prePull: PrePull | undefined;

  /** `onChange` hears when servers should be told of another standby. */
  constructor(
    options: WorkerOptions,
    private readonly deps: PlacesDeps,
    capacity: Capacity,
    onChange: () => void,
  ) {
    this.#modifiers = new ModifierPool(options.resourceModifiers);
    this.#prePull = this.#createPrePull(options);
    this.#standby = new Standby(options.standby, {
      ...deps,
      modifiers: this.#modifiers,
      prePull: this.#prePull,
      room: () => ({ free: capacity.free, runningTasks: capacity.leases }),
      onChange,
    });
  }

  #createPrePull({ tartPrePull }: WorkerOptions): PrePull | undefined {
    const { engines, log } = this.deps;
    const { tart } = engines;
    if (tartPrePull === undefined) return undefined;
    if (tart === undefined) {
      log.warn('this worker cannot run tart machines, so it pulls no images for them');
      return undefined;
    }
    return new PrePull(tartPrePull, {
      ...this.deps,
      pull: (image, signal) => tart.pull(image, signal),
      onNewImage: (image) => this.#standby.imageChanged(image),
    });
  }

  get standby(): StandbyOffer {
    return this.#standby;
  }

  /** Works in the background until `signal` aborts; then nothing is left of what waited for tasks. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#prePull?.run(signal);
  }

  /** Tasks have come or gone. What to do about it is decided once all tasks of the same answer are known. */
  consider(): void {
    queueMicrotask(() => this.#standby.consider());
  }

  /** No tasks are taken any more: the standby goes. Resolves when nothing of it is left. */
  close(): Promise<void> {
    return this.#standby.stop();
  }

  /** The place for a task: the standby, if it is the right one, else one of its own. Rejects with a sentence. */
  async instanceFor(task: PollResponse_AgentAwareTask, signal: AbortSignal): Promise<Instance> {
    const placement = await this.deps.place(task.isolation);
    const instance = this.#standby.take(task.isolation) ?? (await this.#create(placement, task.resourcesToUse, signal));
    this.deps.telemetry.instanceUsed(instanceAttributes(task.isolation));
    return instance;
  }

  /** Only Vetu takes modifiers; one is taken last and given back on every way out. */
  async #create(
    placement: Placement,
    wanted: Readonly<Record<string, number>>,
    signal: AbortSignal,
  ): Promise<Instance> {
    const { createInstance } = this.deps;
    if (placement.kind !== 'vetu') return createInstance(placement, [], signal);
    const lease = this.#modifiers.take(wanted);
    if (typeof lease === 'string') {
      throw new AppError('TEMPORARY', lease, {
        hint: 'let the worker declare as much of the resource as it has modifiers',
      });
    }
    try {
      return withRelease(await createInstance(placement, lease.runArguments, signal), lease);
    } catch (error) {
      lease.release();
      throw error;
    }
  }
}
