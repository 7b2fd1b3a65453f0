import { clone, type MessageInitShape } from '@bufbuild/protobuf';
import type { Instance } from '../../isolation/instance.ts';
import type { WarmInstance } from '../../isolation/warm-engine.ts';
import type { Amounts } from '../../lib/amounts.ts';
import { backoffMs } from '../../lib/backoff.ts';
import { describeError } from '../../lib/errors.ts';
import type { Random } from '../../platform/random.ts';
import {
  type Isolation,
  type StandbyInstanceInformationSchema,
  type StandbyInstanceParameters,
  StandbyInstanceParametersSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { StandbyOffer } from '../standby-offer.ts';
import { instanceAttributes } from '../telemetry/instance-attributes.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type BootDeps, bootStandby } from './boot-standby.ts';
import { closeStandby } from './close-standby.ts';
import { imageOf, parametersProblem, sameIsolation, sameParameters } from './same-isolation.ts';
import { decideStandby, MAX_AGE_MS, type StandbyState } from './standby-rules.ts';

export interface StandbyDeps extends BootDeps {
  /** What tasks leave free, and how many there are. */
  readonly room: () => { readonly free: Amounts; readonly runningTasks: number };
  readonly telemetry: Telemetry;
  /** What the servers know of the standby has changed. */
  readonly onChange: () => void;
  readonly random: Random;
}

const FAILURE_BACKOFF = { firstMs: 30_000, maxMs: 15 * 60_000 };

/** Time between the answer that brings a task and its taking the standby. */
const PROMISE_MS = 10_000;

/**
 * Keeps one machine ready for the task that it fits. All of it happens beside the poll loops: no boot, pull or warm-up
 * ever delays a poll or another task, and a standby that cannot be made is only missing.
 */
export class Standby implements StandbyOffer {
  #parameters: StandbyInstanceParameters | undefined;
  #state: StandbyState = 'none';
  #instance: WarmInstance | undefined;
  #boot = new AbortController();
  #readySinceMs = 0;
  #notBeforeMs = 0;
  #failures = 0;
  #stale = false;
  #draining = false;
  /** A task is on its way to take it. */
  #promised = false;
  /** Looks again when a pause or a promise is over, or the machine is old. */
  #cancelTimer: () => void = () => {};
  /** Work that goes on behind the scenes, awaited at the end. */
  readonly #work = new Set<Promise<void>>();

  constructor(
    parameters: StandbyInstanceParameters | undefined,
    private readonly deps: StandbyDeps,
  ) {
    if (parameters !== undefined) this.#accept(parameters);
  }

  get advertised(): readonly MessageInitShape<typeof StandbyInstanceInformationSchema>[] {
    if (this.#state !== 'ready' || this.#parameters === undefined) return [];
    const ageSeconds = BigInt(Math.floor((this.deps.clock.monoMs() - this.#readySinceMs) / 1_000));
    return [{ parameters: this.#parameters, ageSeconds }];
  }

  announce(isolations: readonly (Isolation | undefined)[]): void {
    const { telemetry } = this.deps;
    const isolation = this.#parameters?.isolation;
    if (this.#state === 'ready') {
      const hit = isolations.some((wanted) => sameIsolation(wanted, isolation));
      if (hit) this.#promise();
      const misses = isolations.length - (hit ? 1 : 0);
      for (let miss = 0; miss < misses; miss += 1) telemetry.standbyMissed(instanceAttributes(isolation));
    }
    this.consider();
  }

  take(isolation: Isolation | undefined): Instance | undefined {
    const { log, telemetry } = this.deps;
    if (this.#state !== 'ready' || !sameIsolation(isolation, this.#parameters?.isolation)) return undefined;
    const instance = this.#instance;
    this.#promised = false;
    if (instance === undefined || !instance.alive) {
      log.warn('the standby has died before its task came; the task gets a new machine');
      this.#close('it has died');
      return undefined;
    }
    telemetry.standbyHit(instanceAttributes(isolation));
    log.info('a task takes the standby');
    this.#become('none', undefined);
    return instance;
  }

  update(parameters: StandbyInstanceParameters): void {
    const problem = parametersProblem(parameters);
    if (problem !== undefined) {
      this.deps.log.error("the server's standby is refused, the present one stays", { problem });
      return;
    }
    if (this.#parameters !== undefined && sameParameters(parameters, this.#parameters)) return;
    this.deps.log.info('the server wants another standby');
    this.#close('the server wants another one');
    this.#accept(parameters);
    this.consider();
  }

  /** A newer image is there: the standby that was made of the old one is replaced. */
  imageChanged(image: string): void {
    if (this.#state === 'none' || imageOf(this.#parameters?.isolation) !== image) return;
    this.#stale = true;
    this.consider();
  }

  /** Looks at what there is and does what is to be done, without waiting for it. */
  consider(): void {
    const { room, clock } = this.deps;
    const decision = decideStandby({
      state: this.#state,
      resources: this.#parameters?.resources,
      ...room(),
      draining: this.#draining,
      nowMs: clock.monoMs(),
      notBeforeMs: this.#notBeforeMs,
      readySinceMs: this.#readySinceMs,
      stale: this.#stale,
    });
    if (decision === 'boot') this.#start();
    if (decision === 'close' && !this.#promised) this.#close(this.#stale ? 'its image is old' : 'it has to make way');
  }

  /** No tasks are taken any more: the standby goes. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#draining = true;
    this.#promised = false;
    this.consider();
    this.#cancelTimer();
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** A copy, since whoever boots it must not change what is compared and told. */
  #accept(parameters: StandbyInstanceParameters): void {
    const kind = parameters.isolation?.type.case;
    this.#failures = 0;
    this.#notBeforeMs = 0;
    if (kind === 'tart' || kind === 'vetu') {
      this.#parameters = clone(StandbyInstanceParametersSchema, parameters);
      if (this.deps.engines[kind] !== undefined) return;
    }
    this.#parameters = undefined;
    this.deps.log.warn(`this worker cannot run ${kind ?? 'such'} machines, so it keeps no standby`);
  }

  #become(state: StandbyState, instance: WarmInstance | undefined): void {
    this.#cancelTimer();
    this.#state = state;
    this.#instance = instance;
    this.#stale = false;
    this.deps.onChange();
  }

  #track(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  #start(): void {
    const parameters = this.#parameters;
    if (parameters === undefined) return;
    this.#boot = new AbortController();
    this.#become('booting', undefined);
    this.#track(this.#bringUp(parameters, this.#boot));
  }

  async #bringUp(parameters: StandbyInstanceParameters, boot: AbortController): Promise<void> {
    const { log, clock, random } = this.deps;
    try {
      log.info('booting a standby', { image: imageOf(parameters.isolation) });
      const instance = await bootStandby(parameters, this.deps, boot.signal);
      if (boot.signal.aborted) return await this.#remove(instance);
      this.#failures = 0;
      this.#readySinceMs = clock.monoMs();
      this.#become('ready', instance);
      log.info('the standby is ready');
      this.#lookAgainIn(MAX_AGE_MS);
      void instance.died.then(() => this.#diedOf(instance));
    } catch (error) {
      if (boot.signal.aborted) return this.#gone();
      const pauseMs = backoffMs(this.#failures, FAILURE_BACKOFF, random);
      log[this.#failures === 0 ? 'error' : 'warn']('the standby could not be made', {
        error: describeError(error),
        pauseMs,
      });
      this.#failures += 1;
      this.#notBeforeMs = clock.monoMs() + pauseMs;
      this.#become('none', undefined);
      this.#lookAgainIn(pauseMs);
    }
  }

  /** Keeps it for its task; one that does not come, since it was cancelled meanwhile, does not keep it for long. */
  #promise(): void {
    this.#promised = true;
    this.#lookAgainIn(PROMISE_MS, () => {
      this.#promised = false;
      this.#lookAgainIn(MAX_AGE_MS);
    });
  }

  #lookAgainIn(ms: number, first: () => void = () => {}): void {
    this.#cancelTimer();
    this.#cancelTimer = this.deps.clock.after(ms, () => {
      first();
      this.consider();
    });
  }

  #diedOf(instance: WarmInstance): void {
    if (this.#instance !== instance || this.#promised) return; // whoever takes it looks for itself
    this.deps.log.warn('the standby has died');
    this.#close('it has died');
  }

  #close(reason: string): void {
    this.#promised = false;
    if (this.#state === 'booting') {
      this.deps.log.info('the boot of the standby is given up', { reason });
      this.#boot.abort();
      this.#become('closing', undefined); // whoever boots it cleans up and tells
      return;
    }
    const instance = this.#instance;
    if (this.#state !== 'ready' || instance === undefined) return;
    this.deps.log.info('the standby is closed', { reason });
    this.#become('closing', undefined);
    this.#track(this.#remove(instance));
  }

  #remove(instance: WarmInstance): Promise<void> {
    return closeStandby(instance, this.deps).then(() => this.#gone());
  }

  #gone(): void {
    if (this.#state === 'closing') this.#become('none', undefined);
    this.consider();
  }
}
