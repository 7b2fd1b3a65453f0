import { AppError, EXIT } from '../lib/errors.ts';
import type { Metadata } from '../platform/metadata/metadata.ts';
import type { AwsDeps } from './aws-call.ts';
import { readInstanceNames } from './instance-names.ts';
import { performStep } from './perform.ts';
import { planInstall } from './plan-install.ts';
import { pathsToRemove, planUninstall } from './plan-uninstall.ts';
import { existingConfig, type ReadOptions, readFacts, readLoaded, summarise } from './read-facts.ts';
import { requireRoot } from './require-root.ts';
import { lookBelow } from './seen.ts';
import { describeStep, type Plan } from './step.ts';
import { fetchToken, type TokenSource } from './token-source.ts';
import type { World } from './world.ts';

/** Where the metadata service of EC2 answers. */
export const EC2_METADATA = 'http://169.254.169.254';

export interface Deps {
  readonly world: World;
  /** Throws `AppError` for an endpoint that is none. */
  readonly metadataAt: (endpoint: string) => Metadata;
  readonly aws: Pick<AwsDeps, 'fetch' | 'clock' | 'endpoint'>;
  readonly print: (line: string) => void;
}

export interface InstallRequest extends ReadOptions {
  readonly dryRun: boolean;
  readonly tokenSource: TokenSource | undefined;
}

function metadataOf({ world, metadataAt }: Deps, configText: string | undefined): Metadata | undefined {
  const text = existingConfig(world.root) ?? configText;
  if (text === undefined) return metadataAt(EC2_METADATA);
  const { endpoint } = summarise(text, world.root);
  return endpoint === undefined ? undefined : metadataAt(endpoint);
}

/** Carries out, or in a dry run tells, a plan; every line says what is done and why. */
async function carryOut(plan: Plan, dryRun: boolean, { world, print }: Deps, signal: AbortSignal): Promise<void> {
  const warnings: string[] = [];
  for (const step of plan.steps) {
    print(`${dryRun ? 'would ' : ''}${describeStep(step)}`);
    if (!dryRun) warnings.push(...(await performStep(step, world, signal)));
  }
  for (const line of [...warnings, ...plan.remarks]) print(`note: ${line}`);
  if (plan.steps.length === 0) print('nothing to do: everything is as it should be');
}

async function tokenOf(
  { tokenSource, dryRun, token }: InstallRequest,
  metadata: Metadata | undefined,
  region: string | undefined,
  { aws, print }: Deps,
  signal: AbortSignal,
) {
  if (tokenSource === undefined) return token;
  if (dryRun) {
    print(`would read the token ${tokenSource.service}:${tokenSource.name} with the instance's role`);
    return undefined;
  }
  if (metadata === undefined || region === undefined) {
    throw new AppError('UNAVAILABLE', 'the token cannot be read: no metadata service tells the role of this instance', {
      hint: 'give the token with --token-file instead',
    });
  }
  return fetchToken(tokenSource, { ...aws, region, credentials: (inner) => metadata.credentials(inner) }, signal);
}

/** `pwagent install`: looks, plans, and does what is missing. Returns the exit code; throws `AppError`. */
export async function install(request: InstallRequest, deps: Deps, signal: AbortSignal): Promise<number> {
  const { world } = deps;
  requireRoot(world, 'install'); // before anybody is asked for anything
  // A staged folder or an image is not this instance.
  const own = world.root === '/' && !request.image;
  const asks = own || request.tokenSource !== undefined;
  const metadata = asks ? metadataOf(deps, request.configText) : undefined;
  const names = await readInstanceNames(metadata, signal);
  const told = own ? names : { ...names, instanceId: undefined, name: undefined };
  const token = await tokenOf(request, metadata, names.region, deps, signal);
  const facts = await readFacts(world, request, told, signal);
  await carryOut(planInstall(facts, { ...request, token }), request.dryRun, deps, signal);
  return EXIT.ok;
}

/** Programs that remove what the supervisor may have left in the packet filter, where it is there. */
async function filterSteps(world: World, signal: AbortSignal): Promise<string[][]> {
  if (world.root !== '/') return [];
  const [ask, remove] =
    world.platform === 'darwin'
      ? [
          ['pfctl', '-a', 'com.apple/pwagent', '-s', 'rules'],
          ['pfctl', '-a', 'com.apple/pwagent', '-F', 'all'],
        ]
      : [
          ['nft', 'list', 'table', 'inet', 'pwagent'],
          ['nft', 'delete', 'table', 'inet', 'pwagent'],
        ];
  const asked = await world.run(ask, signal).catch(() => undefined); // the program is not installed: no rules of ours
  return asked !== undefined && asked.code === 0 && asked.stdout.trim() !== '' ? [remove] : [];
}

/** `pwagent uninstall`. Returns the exit code; throws `AppError`. */
export async function uninstall(dryRun: boolean, deps: Deps, signal: AbortSignal): Promise<number> {
  const { world } = deps;
  const { platform, root, uid } = world;
  const look = lookBelow(root, uid);
  const plan = planUninstall({
    platform,
    root,
    uid,
    seen: new Map(pathsToRemove(platform).map((path) => [path, look(path)])),
    loaded: await readLoaded(world, signal),
    filter: await filterSteps(world, signal),
  });
  await carryOut(plan, dryRun, deps, signal);
  return EXIT.ok;
}
