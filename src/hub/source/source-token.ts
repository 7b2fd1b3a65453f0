import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a source address gives access to. */
export interface SourceGrant {
  readonly buildId: string;
  readonly treeId: string;
  readonly branch: string;
  /** Commit, or the tree's own id where the hub has no git. */
  readonly revision: string;
  /** Wall time in milliseconds after which the address is refused. */
  readonly expiresAtMs: number;
}

export type CheckedToken =
  | { readonly kind: 'valid'; readonly grant: SourceGrant }
  | { readonly kind: 'expired'; readonly grant: SourceGrant }
  | { readonly kind: 'wrong' };

function macOf(payload: string, key: Uint8Array): string {
  return createHmac('sha256', key).update(`pwagent source 1\n${payload}`).digest('base64url');
}

/** A token that needs no store: the grant itself and its HMAC-SHA256, both in URL-safe base 64. */
export function signSourceToken(grant: SourceGrant, key: Uint8Array): string {
  const { buildId, treeId, branch, revision, expiresAtMs } = grant;
  const payload = Buffer.from(JSON.stringify([buildId, treeId, branch, revision, expiresAtMs])).toString('base64url');
  return `${payload}.${macOf(payload, key)}`;
}

/** Judges a token at `nowMs` (wall time). The comparison takes the same time wherever the difference is. */
export function checkSourceToken(token: string, key: Uint8Array, nowMs: number): CheckedToken {
  const dot = token.indexOf('.');
  const payload = token.slice(0, Math.max(0, dot));
  const given = Buffer.from(token.slice(dot + 1)); // as text: its last character has bits that decoding ignores
  const expected = Buffer.from(macOf(payload, key));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { kind: 'wrong' };
  // The MAC is ours, so the payload is what signSourceToken wrote.
  const [buildId, treeId, branch, revision, expiresAtMs] = JSON.parse(Buffer.from(payload, 'base64url').toString()) as [
    string,
    string,
    string,
    string,
    number,
  ];
  const grant = { buildId, treeId, branch, revision, expiresAtMs };
  return { kind: nowMs < expiresAtMs ? 'valid' : 'expired', grant };
}
