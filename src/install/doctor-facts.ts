import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { describeError } from '../lib/errors.ts';
import { type Answer, failure } from '../platform/bounded-request.ts';
import { checkDarwinExecutable } from '../platform/mach-o.ts';
import type { Identity } from '../platform/metadata/documents.ts';
import type { TagValue } from '../platform/metadata/metadata.ts';
import { lookUpUser } from '../platform/users.ts';
import type { ConfigSummary } from './facts.ts';
import { pathsToCheck } from './file-checks.ts';
import { type Deps, EC2_METADATA } from './install.ts';
import { inRoot, PATHS } from './paths.ts';
import { existingConfig, readLoaded, summarise, userExists } from './read-facts.ts';
import { lookBelow, type Seen, sha256Of } from './seen.ts';
import { DEADLINE_SCRIPT, type Platform, servicesOf } from './services.ts';
import { readShutdownBehaviour } from './shutdown-behaviour.ts';
import type { World } from './world.ts';

/** One precondition. `mend`: what to do about it, undefined when it holds. */
export interface Check {
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly says: string;
  readonly mend: string | undefined;
}

type Known<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** What `judge` decides from. */
export interface DoctorFacts {
  readonly platform: Platform;
  readonly root: string;
  readonly uid: number;
  readonly config: Known<ConfigSummary>;
  readonly identity: Known<Identity>;
  /** Undefined where there is no metadata service to ask. */
  readonly tag: Known<TagValue> | undefined;
  readonly behaviour: Known<string> | undefined;
  /** Undefined: there is none, or it cannot be read. */
  readonly marker: string | undefined;
  readonly user: { readonly name: string; readonly exists: boolean; readonly uid: number | undefined };
  /** Without the paths that this user may not look at. */
  readonly seen: ReadonlyMap<string, Seen>;
  /** SHA-256 of what this version would write. */
  readonly expected: ReadonlyMap<string, string>;
  readonly loaded: { readonly deadline: boolean; readonly supervisor: boolean };
  readonly disk: { readonly path: string; readonly freeBytes: number | undefined; readonly minFreeBytes: number };
  readonly wallMs: number;
  /** Our wall clock minus that of the metadata service. */
  readonly driftMs: number | undefined;
  readonly signature: Known<string>;
  readonly hub: { readonly address: string; readonly problem: string | undefined } | undefined;
}

export interface DoctorRequest {
  readonly userOf: (name: string) => string;
  readonly hostName: string;
  /** Tries to reach the hub that `worker.yml` (its path on this machine) names. */
  readonly tryHub: (workerFile: string, signal: AbortSignal) => Promise<NonNullable<DoctorFacts['hub']>>;
}

function readConfig(root: string): DoctorFacts['config'] {
  try {
    const text = existingConfig(root);
    if (text === undefined) return { ok: false, problem: `${PATHS.config} is missing` };
    return { ok: true, value: summarise(text, root) };
  } catch (error) {
    return { ok: false, problem: describeError(error).replaceAll('\n', '; ') };
  }
}

function readMarker(root: string): string | undefined {
  try {
    return readFileSync(inRoot(root, PATHS.marker), 'utf8').trim();
  } catch {
    return undefined; // missing, or not ours to read: the check says what to do in either case
  }
}

async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined; // not there: the check says so
  }
}

async function readSignature({ platform, root, run }: World, signal: AbortSignal): Promise<DoctorFacts['signature']> {
  if (platform !== 'darwin') return { ok: true, value: 'Linux asks for none' };
  const file = inRoot(root, PATHS.binary);
  try {
    const { minos, pages } = checkDarwinExecutable(readFileSync(file));
    if (root !== '/') return { ok: true, value: `${pages} pages right, macOS ${minos} or newer` };
    const { code, stderr } = await run(['codesign', '--verify', '--strict', file], signal);
    if (code === 0) return { ok: true, value: `${pages} pages right, codesign agrees, macOS ${minos} or newer` };
    return { ok: false, problem: `codesign refuses it: ${stderr.trim().split('\n').at(-1) ?? ''}` };
  } catch (error) {
    return { ok: false, problem: describeError(error) };
  }
}

function lookAt(paths: readonly string[], { root, uid }: World): Map<string, Seen> {
  const look = lookBelow(root, uid);
  return new Map(
    paths.flatMap((path): [string, Seen][] => {
      try {
        return [[path, look(path)]];
      } catch {
        return []; // not ours to look at: the check says so
      }
    }),
  );
}

async function readInstance(deps: Deps, config: DoctorFacts['config'], signal: AbortSignal) {
  const staged = deps.world.root !== '/';
  const endpoint = staged ? undefined : config.ok ? config.value.endpoint : EC2_METADATA;
  const nothing = { tag: undefined, behaviour: undefined, driftMs: undefined, name: undefined };
  if (endpoint === undefined) return { ...nothing, identity: failure('metadata.source is none') };
  const metadata = deps.metadataAt(endpoint);
  const identity = await metadata.identity(signal);
  const driftMs = identity.ok && identity.dateMs !== undefined ? deps.aws.clock.wallMs() - identity.dateMs : undefined;
  if (!identity.ok) return { ...nothing, identity };
  const { instanceId, region } = identity.value;
  const aws = { ...deps.aws, region, credentials: (inner: AbortSignal) => metadata.credentials(inner) };
  const [tag, behaviour, name] = await Promise.all([
    metadata.tag(config.ok ? config.value.readyTag : 'PWPoolReady', signal),
    readShutdownBehaviour(instanceId, aws, signal),
    metadata.tag('Name', signal),
  ]);
  return { identity, tag, behaviour, driftMs, name: tagText(name) };
}

function tagText(tag: Answer<TagValue>): string | undefined {
  return tag.ok && tag.value.present ? tag.value.value : undefined;
}

/** Looks at the machine; changes nothing, and each question is bounded in time. */
export async function readDoctorFacts(deps: Deps, request: DoctorRequest, signal: AbortSignal): Promise<DoctorFacts> {
  const { world } = deps;
  const { platform, root, uid } = world;
  const config = readConfig(root);
  const settings = config.ok ? config.value : undefined;
  const services = servicesOf(platform);
  const { name, ...instance } = await readInstance(deps, config, signal);
  const user = settings?.user ?? request.userOf(settings?.name ?? name ?? request.hostName);
  const statePath = settings?.stateDir ?? PATHS.state;
  return {
    platform,
    root,
    uid,
    config,
    ...instance,
    marker: readMarker(root),
    user: { name: user, exists: userExists(user, world), uid: root === '/' ? lookUpUser(user)?.uid : undefined },
    seen: lookAt([...pathsToCheck(config), PATHS.deadline, ...services.map(({ file }) => file)], world),
    expected: new Map([
      [PATHS.deadline, sha256Of(DEADLINE_SCRIPT)],
      ...services.map(({ file, content }): [string, string] => [file, sha256Of(content)]),
    ]),
    // Without a service manager nothing is loaded, and the checks say so.
    loaded: await readLoaded(world, signal).catch(() => ({ deadline: false, supervisor: false })),
    disk: {
      path: statePath,
      freeBytes: await freeBytes(inRoot(root, statePath)),
      minFreeBytes: settings?.minFreeBytes ?? 0,
    },
    wallMs: deps.aws.clock.wallMs(),
    signature: await readSignature(world, signal),
    hub:
      settings?.builtin === false || root !== '/'
        ? undefined
        : await request.tryHub(inRoot(root, settings?.workerFile ?? PATHS.worker), signal),
  };
}
