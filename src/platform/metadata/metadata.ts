import { printable } from '../../lib/printable.ts';
import { type Answer, type Fetch, failure, withinTime } from '../bounded-request.ts';
import type { Clock } from '../clock.ts';
import {
  type Identity,
  type Parsed,
  parseCredentials,
  parseIdentity,
  parseRoleName,
  type RoleCredentials,
} from './documents.ts';
import { requireMetadataEndpoint } from './endpoint.ts';
import { type Notice, parseMaintenance, parseRebalance, parseSpotAction } from './notices.ts';
import { MetadataReader } from './reader.ts';

export type TagValue =
  /** `value`: what was read, letter by letter, except that what no log should hold is U+FFFD. */
  | { readonly present: true; readonly value: string }
  /** `hint` is set when no tag at all can be read, and says what to do. */
  | { readonly present: false; readonly hint: string | undefined };

/**
 * What the machine's own metadata service says. Nothing here rejects, each answer comes within 5 s, and a 200 with an
 * empty body or a web page is a failure.
 */
export interface Metadata {
  identity(signal: AbortSignal): Promise<Answer<Identity>>;
  /** The value of one of the instance's tags. */
  tag(key: string, signal: AbortSignal): Promise<Answer<TagValue>>;
  maintenance(signal: AbortSignal): Promise<Answer<readonly Notice[]>>;
  spot(signal: AbortSignal): Promise<Answer<readonly Notice[]>>;
  rebalance(signal: AbortSignal): Promise<Answer<readonly Notice[]>>;
  /** All three of them; a failure only when one failed and the others hold no notice. */
  notices(signal: AbortSignal): Promise<Answer<readonly Notice[]>>;
  credentials(signal: AbortSignal): Promise<Answer<RoleCredentials>>;
}

export interface MetadataDeps {
  /** See `readMetadataEndpoint`. */
  readonly endpoint: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
}

/** For a whole answer, its token included. */
const ANSWER_MS = 5_000;

const TAGS = '/latest/meta-data/tags/instance';
const ROLES = '/latest/meta-data/iam/security-credentials/';

/** EC2 allows longer values nowhere. */
const LONGEST_TAG = 256;

const TAGS_OFF =
  'no tag of the instance shows in its metadata; switch that on (ModifyInstanceMetadataOptions, InstanceMetadataTags=enabled)';

/** Whether a tag of that name can be read through metadata: EC2 allows fewer characters there than elsewhere. */
export function isReadableTagKey(key: string): boolean {
  return /^[A-Za-z0-9+\-=._:@,]{1,128}$/.test(key) && !['.', '..', '_index'].includes(key);
}

function understood<T>(path: string, parsed: Parsed<T>, dateMs: number | undefined): Answer<T> {
  return parsed.ok ? { ok: true, value: parsed.value, dateMs } : failure(`${path}: ${parsed.problem}`);
}

async function readDocument<T>(
  reader: MetadataReader,
  path: string,
  parse: (text: string) => Parsed<T>,
  whenMissing: T | undefined,
  signal: AbortSignal,
): Promise<Answer<T>> {
  const item = await reader.read(path, signal);
  if (!item.ok) return item;
  if (item.value !== undefined) return understood(path, parse(item.value), item.dateMs);
  if (whenMissing === undefined) return failure(`${path}: answered 404`);
  return { ok: true, value: whenMissing, dateMs: item.dateMs };
}

async function readTag(reader: MetadataReader, key: string, signal: AbortSignal): Promise<Answer<TagValue>> {
  if (!isReadableTagKey(key)) return failure(`a tag named "${key}" cannot be read through metadata`);
  const path = `${TAGS}/${key}`;
  const item = await reader.read(path, signal);
  if (!item.ok) return item;
  if (item.value !== undefined) {
    return { ok: true, value: { present: true, value: printable(item.value, LONGEST_TAG) }, dateMs: item.dateMs };
  }
  // 404 says the same for a tag that is not there and for tags that are not shown; the list tells them apart.
  const list = await reader.read(TAGS, signal);
  if (!list.ok) return list;
  if (list.value?.split('\n').includes(key)) return failure(`${path}: answered 404 although the list names it`);
  const hint = list.value === undefined ? TAGS_OFF : undefined;
  return { ok: true, value: { present: false, hint }, dateMs: list.dateMs };
}

async function readCredentials(reader: MetadataReader, signal: AbortSignal): Promise<Answer<RoleCredentials>> {
  const roles = await reader.read(ROLES, signal);
  if (!roles.ok) return roles;
  if (roles.value === undefined) return failure(`${ROLES}: answered 404: the instance has no role`);
  const role = parseRoleName(roles.value);
  if (!role.ok) return failure(`${ROLES}: ${role.problem}`);
  return readDocument(reader, `${ROLES}${role.value}`, parseCredentials, undefined, signal);
}

function joinNotices(answers: readonly Answer<readonly Notice[]>[]): Answer<readonly Notice[]> {
  const good = answers.filter((answer) => answer.ok);
  const notices = good.flatMap(({ value }) => value);
  const failed = answers.find((answer) => !answer.ok);
  if (failed !== undefined && notices.length === 0) return failed;
  return { ok: true, value: notices, dateMs: good.find(({ dateMs }) => dateMs !== undefined)?.dateMs };
}

/** Throws `AppError` (CONFIG) when the endpoint is neither link-local nor loopback; its methods never throw. */
export function createMetadata({ endpoint, fetch, clock }: MetadataDeps): Metadata {
  const { origin } = requireMetadataEndpoint(endpoint);
  const reader = new MetadataReader({ origin, fetch, clock });
  const bounded = <T>(work: (signal: AbortSignal) => Promise<Answer<T>>, signal: AbortSignal) =>
    withinTime(ANSWER_MS, clock, work, signal);
  const document =
    <T>(path: string, parse: (text: string) => Parsed<T>, whenMissing?: T) =>
    (signal: AbortSignal) =>
      bounded((inner) => readDocument(reader, path, parse, whenMissing, inner), signal);
  const maintenance = document('/latest/meta-data/events/maintenance/scheduled', parseMaintenance, []);
  const spot = document('/latest/meta-data/spot/instance-action', parseSpotAction, []);
  const rebalance = document('/latest/meta-data/events/recommendations/rebalance', parseRebalance, []);
  return {
    identity: document('/latest/dynamic/instance-identity/document', parseIdentity),
    tag: (key, signal) => bounded((inner) => readTag(reader, key, inner), signal),
    maintenance,
    spot,
    rebalance,
    notices: async (signal) => joinNotices(await Promise.all([maintenance(signal), spot(signal), rebalance(signal)])),
    credentials: (signal) => bounded((inner) => readCredentials(reader, inner), signal),
  };
}
