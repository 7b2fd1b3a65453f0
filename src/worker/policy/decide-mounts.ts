import type { Mount } from '../../isolation/placement.ts';
import { errnoOf } from '../../platform/files.ts';
import type { RealPath } from '../../platform/real-path.ts';
import { decidingRule, type FollowPath } from './match-volume.ts';
import { forbidden, impossible, listed, shown } from './refusal.ts';
import type { VolumeRule } from './security-policy.ts';

/** A volume as a task asks for it. */
export interface WantedVolume {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

const MAX_VOLUMES = 256;
const MAX_PATH = 4_096;

/** Engines write `name:source:options`, so a colon would smuggle a second volume or an option in. */
const STEERING = /[:\p{Cc}\u2028\u2029]/u;

function checkText(what: string, text: string): void {
  if (text.length > MAX_PATH) throw impossible(`${what} is longer than ${MAX_PATH} characters`);
  if (STEERING.test(text)) throw impossible(`${what} "${shown(text)}" holds a colon or a control character`);
}

function checkVolume({ name, source, target }: WantedVolume): void {
  checkText('the name of a volume', name);
  checkText('the source of a volume', source);
  checkText('the target of a volume', target);
  if (name.includes('/') || name === '.' || name === '..') throw impossible(`volume name "${shown(name)}" is a path`);
  if (!source.startsWith('/'))
    throw impossible(`volume source "${shown(source)}" is no absolute path`, 'write it from the root on');
}

async function followed({ source }: WantedVolume, follow: FollowPath): Promise<RealPath> {
  try {
    return await follow(source);
  } catch (error) {
    throw impossible(`volume source ${shown(source)} cannot be followed (${errnoOf(error) ?? String(error)})`);
  }
}

function describeRule({ source, forceReadonly }: VolumeRule): string {
  return forceReadonly ? `${source} (read-only)` : source;
}

function refuse(volume: WantedVolume, { path }: RealPath, key: string, rules: readonly VolumeRule[]) {
  const { name, source } = volume;
  const leads = path === source.replace(/(?<=.)\/+$/, '') ? '' : `, which is ${shown(path)}`;
  const what =
    name === '' ? `the volume ${shown(source)}${leads}` : `the volume "${shown(name)}" (${shown(source)}${leads})`;
  return forbidden(
    what,
    `${key} allows ${listed(rules.map(describeRule))}`,
    `add "- source: ${shown(path)}" to ${key}`,
  );
}

/** Which rules count: `undefined` lets every volume through. `key` is their place in the configuration. */
export interface VolumeRules {
  readonly key: string;
  readonly rules: readonly VolumeRule[] | undefined;
  /** How many parts of a source may be missing, to be made. */
  readonly mayMake: number;
}

async function decideMount(
  volume: WantedVolume,
  { key, rules, mayMake }: VolumeRules,
  follow: FollowPath,
): Promise<Mount> {
  checkVolume(volume);
  const asWritten = { path: volume.source, missing: 0, foldsCase: false };
  if (rules?.length === 0) throw refuse(volume, asWritten, key, rules); // nothing of the machine need be told
  const real = await followed(volume, follow);
  checkText('the real path of a volume', real.path); // a link may lead to a name with a colon
  const rule = rules === undefined ? undefined : await decidingRule(rules, real, follow);
  if (rules !== undefined && rule === undefined) throw refuse(volume, real, key, rules);
  if (real.missing > mayMake)
    throw impossible(`volume source ${shown(volume.source)} does not exist, nor does the folder that it would be in`);
  const { name, target } = volume;
  const readOnly = volume.readOnly || (rule?.forceReadonly ?? false);
  return { source: real.path, create: real.missing > 0, readOnly, target, name };
}

/** What to mount, exactly. Rejects with an `AppError` for the first volume that may or can not be mounted. */
export async function decideMounts(
  volumes: readonly WantedVolume[],
  rules: VolumeRules,
  follow: FollowPath,
): Promise<Mount[]> {
  if (volumes.length > MAX_VOLUMES) throw impossible(`it asks for more than ${MAX_VOLUMES} volumes`);
  const mounts: Mount[] = [];
  const names = new Set<string>();
  for (const volume of volumes) {
    const mount = await decideMount(volume, rules, follow);
    const name = mount.name.normalize('NFC').toLowerCase();
    if (name !== '' && names.has(name)) throw impossible(`two volumes are called "${shown(mount.name)}"`);
    names.add(name);
    mounts.push(mount);
  }
  return mounts;
}
