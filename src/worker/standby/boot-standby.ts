import type { Placement } from '../../isolation/placement.ts';
import type { WarmEngines, WarmInstance } from '../../isolation/warm-engine.ts';
import { AppError, describeError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Isolation, StandbyInstanceParameters } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { closeStandby } from './close-standby.ts';
import type { ModifierPool } from './modifier-pool.ts';
import type { PrePull } from './pre-pull.ts';
import { imageOf } from './same-isolation.ts';

export interface BootDeps {
  readonly engines: WarmEngines;
  readonly place: (isolation: Isolation | undefined) => Promise<Placement>;
  readonly modifiers: ModifierPool;
  readonly prePull: PrePull | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A warm-up without a limit of its own must not keep a machine out of use for ever. */
const WARMUP_LIMIT_MS = 60 * 60_000;

/** Closes `instance` together with what was taken for it. */
function withRelease(instance: WarmInstance, release: () => void): WarmInstance {
  return {
    get alive() {
      return instance.alive;
    },
    died: instance.died,
    warmUp: (script, signal) => instance.warmUp(script, signal),
    run: (task, signal) => instance.run(task, signal),
    close: () => instance.close().finally(release),
  };
}

/**
 * Runs the warm-up script. One that takes longer than its limit leaves a machine that is warm enough, and is told; one
 * that fails throws.
 */
async function warmUp(
  instance: WarmInstance,
  { warmup }: StandbyInstanceParameters,
  { clock, log }: BootDeps,
  signal: AbortSignal,
): Promise<void> {
  if (warmup === undefined || warmup.script === '') return;
  const limit = new AbortController();
  const limitMs = warmup.timeoutSeconds === 0n ? WARMUP_LIMIT_MS : Number(warmup.timeoutSeconds) * 1_000;
  const cancel = clock.after(Math.min(limitMs, WARMUP_LIMIT_MS), () => limit.abort());
  try {
    await instance.warmUp(warmup.script, AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.signal.aborted)
      throw new AppError('CONFIG', `the warm-up failed: ${describeError(error)}`, { cause: error });
    log.warn('the warm-up took longer than its limit; the standby is used as it is', { limitMs });
  } finally {
    cancel();
  }
}

/**
 * Makes a standby: policy, modifier, fresh image, boot, warm-up. Rejects with a sentence or on abort; then nothing of it
 * is left.
 */
export async function bootStandby(
  parameters: StandbyInstanceParameters,
  deps: BootDeps,
  signal: AbortSignal,
): Promise<WarmInstance> {
  const placement = await deps.place(parameters.isolation);
  const engine = placement.kind === 'tart' || placement.kind === 'vetu' ? deps.engines[placement.kind] : undefined;
  if (engine === undefined)
    throw new AppError('CONFIG', `this worker cannot run ${placement.kind} machines ahead of a task`);
  const image = imageOf(parameters.isolation);
  await deps.prePull?.beforeBoot(image, signal);
  signal.throwIfAborted();
  const modifier =
    placement.kind === 'vetu' ? deps.modifiers.take(parameters.resources) : { runArguments: [], release() {} };
  if (typeof modifier === 'string') throw new AppError('TEMPORARY', modifier);
  const pull = !(deps.prePull?.covers(image) ?? false);
  let instance: WarmInstance;
  try {
    const options = { identity: 'standby', runArguments: modifier.runArguments, pull };
    instance = withRelease(await engine.boot(placement, options, signal), () => modifier.release());
  } catch (error) {
    modifier.release();
    throw error;
  }
  try {
    await warmUp(instance, parameters, deps, signal);
    return instance;
  } catch (error) {
    await closeStandby(instance, deps);
    throw error;
  }
}
