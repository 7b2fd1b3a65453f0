import { describeError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { Fetch } from '../platform/bounded-request.ts';
import type { Clock } from '../platform/clock.ts';
import { bootId, defaultWorkerName } from '../platform/host.ts';
import { createMetadata, type Metadata } from '../platform/metadata/metadata.ts';
import { readNameTag } from '../platform/metadata/name-tag.ts';
import { randomToken } from '../platform/random.ts';
import type { User } from '../platform/users.ts';
import type { ClockReading } from './age.ts';
import { ArmedMachine } from './armed-machine.ts';
import { type Arming, decideArming, type Marker } from './arming.ts';
import { type Loaded, loadJournal, makeStateFolder } from './journal.ts';
import { type Launch, settleLaunch } from './launch.ts';
import { beginLife, type Life, type LifeSettings } from './life.ts';
import { asksForName, type MachineName, nameMachine } from './machine-name.ts';
import { type SeeDeps, type SeenInstance, seeInstance, waitingForArms, waitingForIdentity } from './see-instance.ts';
import type { SessionParts } from './session-parts.ts';
import { type SetUp, type SetUpInput, setUpWorker } from './set-up.ts';
import { type AccountPorts, provideAccount } from './worker-account.ts';
import { wantedUser } from './worker-plan.ts';

export interface Ground {
  readonly options: SetUpInput & { readonly clock: Clock; readonly fetch: Fetch };
  readonly setUp: SetUp;
  readonly marker: Marker;
  readonly self: User;
  /** File name, in the state folder. */
  readonly journal: string;
  readonly accounts: AccountPorts;
  readonly log: Logger;
  readonly stop: AbortSignal;
  readonly hurry: AbortSignal;
}

/** What a session is made of, and what was found on the way. */
export interface Prepared {
  readonly parts: Omit<SessionParts, 'decided'>;
  readonly warnings: readonly string[];
  readonly armed: ArmedMachine | undefined;
}

async function readClocks(clock: Clock, log: Logger): Promise<ClockReading> {
  const id = await bootId().catch((error: unknown) => {
    log.warn('the system does not tell the id of this boot', { event: 'boot-id', error: describeError(error) });
    return '';
  });
  return { continuousMs: clock.continuousMs(), wallMs: clock.wallMs(), bootId: id };
}

async function learnName(
  { setUp, stop }: Ground,
  loaded: Loaded,
  seen: SeenInstance | undefined,
  metadata: Metadata | undefined,
): Promise<MachineName> {
  const entry = loaded.tag === 'found' ? loaded.entry : undefined;
  const facts = {
    configured: setUp.config.name,
    kept: entry?.named ?? null,
    seenId: seen?.launch.instanceId,
    knownId: entry?.instanceId ?? null,
    hostName: defaultWorkerName(),
  };
  const tag = metadata !== undefined && asksForName(facts) ? await readNameTag(metadata, stop) : undefined;
  return nameMachine(facts, tag);
}

function armingOf({ setUp, marker, self, options }: Ground, instanceId: string | undefined): Arming {
  if (options.dryRun) return { armed: false, why: 'a dry run' };
  const { endpoint } = setUp.config.metadata;
  return decideArming({ uid: self.uid, source: 'ec2', endpoint, instanceId, marker });
}

/** Milliseconds until the end of the life; its age is provisional until the launch of the instance is known. */
function leftOf(life: Life, launch: Launch | undefined, settings: LifeSettings): number {
  const { limits, ageMs } = launch === undefined ? life : settleLaunch(life, launch, settings).standing;
  return limits.lifetimeMs - ageMs;
}

/** See `provideAccount`; whether the machine is armed may first have to be asked. */
async function accountProblem(
  ground: Ground,
  name: string,
  life: Life,
  see: () => Promise<SeenInstance | undefined>,
): Promise<string | undefined> {
  const { setUp, accounts, stop, options } = ground;
  if (!setUp.mayArm || setUp.problem !== undefined || options.dryRun) return undefined;
  let launch: Launch | undefined;
  const need = {
    name: wantedUser({ config: setUp.config, name }),
    arming: async () => {
      launch = (await see())?.launch;
      return armingOf(ground, launch?.instanceId);
    },
    leftMs: () => leftOf(life, launch, setUp.config.life),
  };
  return provideAccount(need, accounts, stop);
}

/**
 * Everything that stands before the first decision: journal, instance, name, the worker's account and how the worker
 * is started. Bounded, also where nothing answers. Throws `AppError` (CONFIG) where no worker can be started and the
 * machine may not be armed.
 */
export async function layGround(ground: Ground): Promise<Prepared> {
  const { options, setUp, marker, self, log, stop, hurry } = ground;
  const { clock, dryRun, fetch, platform } = options;
  const { config, mayArm } = setUp;
  const { source, endpoint } = config.metadata;
  const metadata = source === 'none' ? undefined : createMetadata({ endpoint, fetch, clock });
  await makeStateFolder(config.stateDir).catch(() => {}); // the first save of the journal tells what is wrong
  const loaded = await loadJournal(`${config.stateDir}/${ground.journal}`, self.uid);
  const now = await readClocks(clock, log);
  const deps: SeeDeps = { metadata, clock, isNew: () => loaded.tag === 'absent' };
  const waiting = waitingForIdentity(setUp, loaded, now.bootId);
  let seen = waiting && (await seeInstance(deps, waiting, stop));
  const { name, named } = await learnName(ground, loaded, seen, metadata);
  const started = { ...now, continuousMs: clock.continuousMs(), wallMs: clock.wallMs() };
  const begun = beginLife(loaded, config.life, { ...started, source }, () => randomToken(16));
  const life = { ...begun, named };
  const see = async () => {
    seen ??= await seeInstance(deps, waitingForArms(loaded), stop);
    return seen;
  };
  const problem = await accountProblem(ground, name, life, see);
  const { plan, warnings, unusable } = setUpWorker(options, setUp, name, self);
  const workerUid = plan.switchTo?.uid;
  const arming = { config, marker, uid: self.uid, platform, fetch, clock, log, workerUid, dryRun };
  const armed = metadata && new ArmedMachine({ ...arming, metadata });
  const arm: SessionParts['arm'] = async (identity) => armed?.arm(identity, hurry);
  const tellEnd = (reason: string) => armed?.tellEnd(reason, hurry);
  const known = { config, name, plan, unusable: problem ?? unusable, life, started, mayArm, metadata, seen };
  return { parts: { ...known, clock, log, dryRun, arm, tellEnd, leave: hurry }, warnings, armed };
}
