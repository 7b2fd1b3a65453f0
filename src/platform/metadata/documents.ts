import { z } from 'zod';
import { printable } from '../../lib/printable.ts';
import { Secret } from '../../lib/secret.ts';

/** The identity document, as far as it is used. Times in milliseconds since the epoch, by the clock of EC2. */
export interface Identity {
  readonly instanceId: string;
  readonly region: string;
  /** `pendingTime`: when the instance was launched, whole seconds. */
  readonly launchedAtMs: number;
  readonly availabilityZone: string | undefined;
  readonly instanceType: string | undefined;
  readonly architecture: string | undefined;
  readonly imageId: string | undefined;
  readonly accountId: string | undefined;
  readonly privateIp: string | undefined;
}

/** Temporary credentials of the instance's role. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
  readonly expiresAtMs: number;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

const INSTANCE_ID = /^i-[0-9a-f]{8,17}$/;
/** Strict, because the region becomes part of a host name that gets signed requests. */
const REGION = /^[a-z]{2,8}(?:-[a-z]{2,12})+-\d{1,2}$/;
/** What IAM lets a role be called. */
const ROLE_NAME = /^[\w+=,.@-]{1,64}$/;

const timeMs = z.iso.datetime({ offset: true, error: 'is no time' }).transform((text) => Date.parse(text));
const note = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === undefined ? undefined : printable(text, 200)));

const identity = z
  .object({
    instanceId: z.string().regex(INSTANCE_ID, 'is no id of an instance'),
    region: z.string().regex(REGION, 'is no region'),
    pendingTime: timeMs,
    availabilityZone: note,
    instanceType: note,
    architecture: note,
    imageId: note,
    accountId: note,
    privateIp: note,
  })
  .transform(({ pendingTime, ...rest }): Identity => ({ ...rest, launchedAtMs: pendingTime }));

const visible = z.string().regex(/^[\x21-\x7e]{1,8192}$/, 'holds characters that no credential has');

const credentials = z
  .object({ AccessKeyId: visible, SecretAccessKey: visible, Token: visible, Expiration: timeMs })
  .transform(
    (document): RoleCredentials => ({
      accessKeyId: document.AccessKeyId,
      secretAccessKey: new Secret(document.SecretAccessKey),
      sessionToken: new Secret(document.Token),
      expiresAtMs: document.Expiration,
    }),
  );

/** Reads JSON of a schema; the problem names the first key that is wrong, never its value. */
export function parseJson<T>(text: string, schema: z.ZodType<T>): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, problem: 'is not JSON' };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, problem: `${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'is wrong'}` };
}

export function parseIdentity(text: string): Parsed<Identity> {
  return parseJson(text, identity);
}

export function parseCredentials(text: string): Parsed<RoleCredentials> {
  return parseJson(text, credentials);
}

/** The first line of the list of roles; an instance has at most one. */
export function parseRoleName(text: string): Parsed<string> {
  const [name = ''] = text.split('\n');
  return ROLE_NAME.test(name) ? { ok: true, value: name } : { ok: false, problem: 'names no role' };
}
