import type { Logger } from '../lib/log.ts';
import type { Fetch } from '../platform/bounded-request.ts';
import type { Clock } from '../platform/clock.ts';
import { createEc2, type Ec2Outcome } from '../platform/ec2/ec2.ts';
import { programFeeder } from '../platform/feed-program.ts';
import type { Identity } from '../platform/metadata/documents.ts';
import type { Metadata } from '../platform/metadata/metadata.ts';
import { powerOffBySyscall } from '../platform/reboot.ts';
import { decideArming, type Marker } from './arming.ts';
import type { SupervisorConfig } from './config.ts';
import { blockMetadataFor, type Guard } from './guard/metadata-guard.ts';
import type { ArmedEffects } from './rungs.ts';

/** What survives the machine: why it ended. */
const ENDED_TAG = 'pwagent:ended';

/** EC2 takes no longer values. */
const MAX_TAG_CHARACTERS = 256;

export interface ArmingParts {
  readonly config: SupervisorConfig;
  readonly marker: Marker;
  readonly uid: number;
  readonly platform: string;
  readonly metadata: Metadata;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Logger;
  /** The worker's account; undefined when it is the supervisor's own. */
  readonly workerUid: number | undefined;
  readonly dryRun: boolean;
}

/** Arms the machine when it may be, and keeps the worker from the metadata service then. */
export class ArmedMachine {
  readonly #parts: ArmingParts;
  #guard: Guard | undefined;
  #tag: ((reason: string, signal: AbortSignal) => Promise<Ec2Outcome>) | undefined;

  constructor(parts: ArmingParts) {
    this.#parts = parts;
  }

  /** Undefined when it stays unarmed; the log says why. Never rejects. */
  async arm(identity: Identity, signal: AbortSignal): Promise<ArmedEffects | undefined> {
    const { config, marker, uid, platform, log, dryRun, metadata, fetch, clock } = this.#parts;
    const { instanceId, region } = identity;
    const arming = decideArming({ uid, source: 'ec2', endpoint: config.metadata.endpoint, instanceId, marker });
    if (!arming.armed || dryRun) {
      log.info('not armed', { event: 'arming', armed: false, reason: arming.armed ? 'a dry run' : arming.why });
      return undefined;
    }
    const { permit } = arming;
    log.info('armed: this supervisor ends the machine by itself', { event: 'arming', armed: true, instanceId });
    const ec2 = createEc2({ credentials: (inner) => metadata.credentials(inner), region, fetch, clock });
    this.#tag = (reason, inner) => ec2.setTag(instanceId, ENDED_TAG, reason.slice(0, MAX_TAG_CHARACTERS), inner);
    const terminate = async (inner: AbortSignal) => {
      const outcome = await ec2.terminateSelf(instanceId, inner);
      return outcome.ok ? null : outcome.problem;
    };
    await this.#keepWorkerOut(permit, signal);
    return { permit, platform, terminate, powerOff: (armed, system) => powerOffBySyscall(armed, system) };
  }

  async #keepWorkerOut(permit: ArmedEffects['permit'], signal: AbortSignal): Promise<void> {
    const { config, workerUid, platform, clock, log } = this.#parts;
    if (!config.metadata.blockForWorker || workerUid === undefined || this.#guard?.active === true) return;
    this.#guard = await blockMetadataFor(workerUid, permit, { platform, feed: programFeeder(clock) }, signal);
    if (this.#guard.active) {
      log.info('the worker cannot reach the metadata service', { event: 'guard', workerUid });
      return;
    }
    log.warn('the worker can reach the metadata service', { event: 'guard', reason: this.#guard.why });
  }

  /** Writes the reason of the end where it survives the machine, if the role allows it. Waits for nothing. */
  tellEnd(reason: string, signal: AbortSignal): void {
    void this.#tag?.(reason, signal).then((outcome) => {
      if (outcome.ok || signal.aborted) return;
      this.#parts.log.info('the reason could not be written as a tag', { event: 'ended-tag', error: outcome.problem });
    });
  }

  /** Takes the packet filter away again. */
  async leave(signal: AbortSignal): Promise<void> {
    if (this.#guard?.active !== true) return;
    const problem = await this.#guard.remove(signal);
    if (problem !== null) this.#parts.log.warn('the packet filter stays', { event: 'guard', error: problem });
  }
}
