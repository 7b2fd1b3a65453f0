import type { Secret } from '../../lib/secret.ts';

/** Whose signature it is. `sessionToken` only with temporary credentials. */
export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken?: Secret | undefined;
}

export interface Unsigned {
  readonly method: string;
  /** Its path must need no encoding; the Query and JSON interfaces of AWS have `/`. */
  readonly url: string;
  /** What shall be sent and signed, `host` left out: the URL names it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly region: string;
  /** The service's name in signatures: `ec2`, `ssm`, `secretsmanager`. */
  readonly service: string;
}

/** Name of the signature's kind, as requests say it. */
export const ALGORITHM = 'AWS4-HMAC-SHA256';

function sha256(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('hex');
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return new Bun.CryptoHasher('sha256', key).update(text).digest();
}

/** Percent-encoding that leaves only the unreserved characters of RFC 3986 §2.3, in UTF-8 with capital digits. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Code units, not a language's alphabet, decide the order. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Parameters of an address, sorted and encoded as signatures need them. */
export function canonicalQuery(url: URL): string {
  const pairs = [...url.searchParams].map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)] as const);
  const sorted = pairs.sort(([nameA, a], [nameB, b]) => byText(nameA, nameB) || byText(a, b));
  return sorted.map((pair) => pair.join('=')).join('&');
}

/** `20150830T123600Z` */
export function basicTime(atMs: number): string {
  return new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

/** What a signature holds for: a day, a region and a service. `date` is `20150830`. */
export function scopeOf(date: string, region: string, service: string): string {
  return `${date}/${region}/${service}/aws4_request`;
}

/** Signs a canonical request; `time` is a basic time. Hexadecimal. */
export function signatureOf(
  canonical: string,
  { time, region, service }: { readonly time: string; readonly region: string; readonly service: string },
  credentials: SigningCredentials,
): string {
  const date = time.slice(0, 8);
  const toSign = [ALGORITHM, time, scopeOf(date, region, service), sha256(canonical)].join('\n');
  const start: string | Uint8Array = `AWS4${credentials.secretAccessKey.reveal()}`;
  const key = [date, region, service, 'aws4_request'].reduce(
    (outer: string | Uint8Array, part) => hmac(outer, part),
    start,
  );
  return hmac(key, toSign).toString('hex');
}

/**
 * Signature Version 4 in the `Authorization` header ("Create a signed AWS API request", IAM User Guide). Returns all
 * headers to send except `host`. `atMs` is the time by the service's clock; it refuses what is minutes away from it.
 */
export function signRequest(request: Unsigned, credentials: SigningCredentials, atMs: number): Record<string, string> {
  const { method, body, region, service } = request;
  const url = new URL(request.url);
  const time = basicTime(atMs);
  const date = time.slice(0, 8);
  const token = credentials.sessionToken?.reveal();
  const sent: Record<string, string> = {
    ...Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value])),
    'x-amz-date': time,
    ...(token === undefined ? {} : { 'x-amz-security-token': token }),
  };
  const signed = Object.entries({ ...sent, host: url.host })
    .map(([name, value]) => [name, value.trim().replace(/ +/g, ' ')] as const)
    .sort(([a], [b]) => byText(a, b));
  const names = signed.map(([name]) => name).join(';');
  const lines = signed.map(([name, value]) => `${name}:${value}\n`).join('');
  const canonical = [method, url.pathname, canonicalQuery(url), lines, names, sha256(body)].join('\n');
  const scope = scopeOf(date, region, service);
  const signature = signatureOf(canonical, { time, region, service }, credentials);
  const authorization = `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...sent, authorization };
}
