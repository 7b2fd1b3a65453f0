import { createHmac, timingSafeEqual } from 'node:crypto';

/** What an address of the hub allows, for one object and a time. */
export interface BlobGrant {
  readonly object: string;
  /** `get` includes HEAD; `part` is a PUT of one part of a multipart upload. */
  readonly action: 'get' | 'put' | 'part';
  /** Of a `part`, its number; else 0. */
  readonly part: number;
  /** Most bytes that may be sent; 0 for `get`. */
  readonly maxBytes: number;
  /** Wall time in milliseconds after which the address is refused. */
  readonly expiresAtMs: number;
  /** File name for people's downloads; empty for agents. */
  readonly fileName: string;
}

/** A key for addresses; its id says later which one it was. */
export interface UrlKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

export type CheckedGrant =
  | { readonly kind: 'valid'; readonly grant: BlobGrant }
  | { readonly kind: 'expired' | 'wrong' };

const ACTIONS: readonly string[] = ['get', 'put', 'part'] satisfies BlobGrant['action'][];

function signatureOf({ object, action, part, maxBytes, expiresAtMs, fileName }: BlobGrant, { secret }: UrlKey): string {
  const text = JSON.stringify(['pwagent blob 1', object, action, part, maxBytes, expiresAtMs, fileName]);
  return createHmac('sha256', secret).update(text).digest('base64url');
}

/** Path and query of the address; everything it allows is in it and signed. */
export function signBlobPath(grant: BlobGrant, key: UrlKey): string {
  const query = new URLSearchParams({
    action: grant.action,
    ...(grant.action === 'part' ? { part: String(grant.part) } : {}),
    ...(grant.maxBytes === 0 ? {} : { max: String(grant.maxBytes) }),
    ...(grant.fileName === '' ? {} : { name: grant.fileName }),
    expires: String(grant.expiresAtMs),
    key: key.id,
    signature: signatureOf(grant, key),
  });
  return `/blobs/${grant.object}?${query}`;
}

function wholeNumber(text: string | null): number {
  return /^\d{1,15}$/.test(text ?? '') ? Number(text) : 0;
}

/** The id of the key that an address says it was signed with. */
export function keyIdOf(url: URL): string {
  return url.searchParams.get('key') ?? '';
}

/** Judges an address at `nowMs` (wall time). The comparison takes the same time wherever the difference is. */
export function checkBlobUrl(url: URL, key: UrlKey, nowMs: number): CheckedGrant {
  const object = /^\/blobs\/([0-9a-f]{8,64})$/.exec(url.pathname)?.[1];
  const query = url.searchParams;
  const action = query.get('action') ?? '';
  if (object === undefined || !ACTIONS.includes(action)) return { kind: 'wrong' };
  const grant: BlobGrant = {
    object,
    action: action as BlobGrant['action'],
    part: wholeNumber(query.get('part')),
    maxBytes: wholeNumber(query.get('max')),
    expiresAtMs: wholeNumber(query.get('expires')),
    fileName: query.get('name') ?? '',
  };
  const given = Buffer.from(query.get('signature') ?? '');
  const expected = Buffer.from(signatureOf(grant, key));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { kind: 'wrong' };
  return nowMs < grant.expiresAtMs ? { kind: 'valid', grant } : { kind: 'expired' };
}
