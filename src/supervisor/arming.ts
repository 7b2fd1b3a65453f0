import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Armed, grantArmed } from '../platform/armed.ts';
import { errnoOf } from '../platform/files.ts';

/** Written by `pwagent install`: the id of the instance, or `any` in a machine image. */
export const MARKER_FILE = '/etc/pwagent/marker';

const MAX_MARKER_BYTES = 256;

/** The metadata service's own addresses, as EC2 documents them; no name, no other spelling, no other port. */
const LINK_LOCAL = /^http:\/\/(?:169\.254\.169\.254|\[fd00:ec2::254\])\/?$/;

const INSTANCE_ID = /^i-[0-9a-f]{8,17}$/;

export type Marker =
  | { readonly tag: 'present'; readonly holds: string }
  | { readonly tag: 'absent' }
  /** It is there, and somebody else than root could have written it, or it holds something else. */
  | { readonly tag: 'refused'; readonly why: string };

export interface ArmingFacts {
  readonly uid: number;
  readonly source: 'ec2' | 'none';
  /** As configured, not normalised. */
  readonly endpoint: string;
  /** From the identity document that the service answered with a session token; undefined without one. */
  readonly instanceId: string | undefined;
  readonly marker: Marker;
}

export type Arming = { readonly armed: true; readonly permit: Armed } | { readonly armed: false; readonly why: string };

function hindrance({ uid, source, endpoint, instanceId, marker }: ArmingFacts): string | undefined {
  if (uid !== 0) return 'the supervisor does not run as root';
  if (source !== 'ec2') return 'the metadata source is not EC2';
  if (!LINK_LOCAL.test(endpoint)) return 'the metadata endpoint is not the link-local address of EC2';
  if (instanceId === undefined || !INSTANCE_ID.test(instanceId)) return 'no identity document with an instance id';
  if (marker.tag === 'absent') return 'pwagent install has written no marker on this machine';
  if (marker.tag === 'refused') return marker.why;
  if (marker.holds !== 'any' && marker.holds !== instanceId) return `the marker is that of ${marker.holds}`;
  return undefined;
}

/** Whether this supervisor may end its machine by itself: only when every condition holds. Pure but for the permit. */
export function decideArming(facts: ArmingFacts): Arming {
  const why = hindrance(facts);
  if (why !== undefined || facts.instanceId === undefined) return { armed: false, why: why ?? 'no instance id' };
  return { armed: true, permit: grantArmed(facts.instanceId) };
}

/** The marker's text when it is one: `any` or an instance id. */
export function parseMarker(text: string): Marker {
  const holds = text.trim();
  if (holds === 'any' || INSTANCE_ID.test(holds)) return { tag: 'present', holds };
  return { tag: 'refused', why: 'the marker holds neither an instance id nor `any`' };
}

/** Reads the marker. Only a regular file of `owner`, in a folder of `owner`, that nobody else may write, counts. */
export async function readMarker(file: string = MARKER_FILE, owner = 0): Promise<Marker> {
  try {
    const folder = await stat(dirname(file));
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await handle.stat();
      const foreign = [folder, found].some(({ uid, mode }) => uid !== owner || (mode & 0o022) !== 0);
      if (foreign) return { tag: 'refused', why: `others than root may write ${file} or its folder` };
      if (!found.isFile() || found.size > MAX_MARKER_BYTES) return { tag: 'refused', why: `${file} is no marker` };
      return parseMarker(await handle.readFile('utf8'));
    } finally {
      await handle.close();
    }
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return { tag: 'absent' };
    return { tag: 'refused', why: `${file} cannot be read (${errno ?? String(error)})` };
  }
}
