import type { Role } from '../model.ts';
import { HttpError } from './http-error.ts';

/**
 * What a route asks of its caller. Reading shows builds, logs and workers; submitting starts, ends and repeats builds;
 * administering changes tokens, pools, workers, crons and secrets; reporting tells how a worker's machine stands.
 */
export type Need = 'read' | 'submit' | 'admin' | 'report';

/** Who asks, for limits and for the audit log. */
export interface Caller {
  /** Undefined for someone on this machine without a token, and for machines of a pool. */
  readonly role: Role | undefined;
  /** Names the token without giving it away; `loopback` without one. */
  readonly name: string;
  /** Where the request came from, as far as the connection tells. */
  readonly address: string;
}

export interface AccessQuestion {
  readonly need: Need;
  /** Whether a token came along. */
  readonly hasToken: boolean;
  /** Its role; undefined when there was none or it is not known. */
  readonly role: Role | undefined;
  /** Whether the token is the registration token of a pool, which the machines of workers have. */
  readonly ofPool: boolean;
  /** Whether this hub can be reached from its own machine only. */
  readonly listensOnLoopback: boolean;
  /** The `Host` header: a page of another origin whose name was made to point here carries its own name in it. */
  readonly host: string;
}

/** Whether a host name or address, with or without a port, means this very machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host
    .replace(/^(\[.*\]|[^:]*):\d+$/, '$1')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return name === 'localhost' || name === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

const TOKEN_HINT = 'the file admin-token in the data folder of the hub holds one';

/** Which roles do, for each need; reporting has a rule of its own. */
const ROLES: Readonly<Record<Exclude<Need, 'report'>, readonly Role[]>> = {
  read: ['read', 'submit', 'admin'],
  submit: ['submit', 'admin'],
  admin: ['admin'],
};

const DOING: Readonly<Record<Exclude<Need, 'report'>, string>> = {
  read: 'reading needs a token here',
  submit: 'starting, ending and repeating builds needs a token',
  admin: 'administering the hub needs a token',
};

/** The refusal, or undefined when the request may go on. */
export function refusalOf(question: AccessQuestion): HttpError | undefined {
  const { need, hasToken, role, ofPool, listensOnLoopback, host } = question;
  if (need === 'report') {
    if (ofPool || (role !== undefined && ROLES.submit.includes(role))) return undefined;
    return new HttpError(401, 'reporting needs a token', 'the registration token of the pool will do');
  }
  if (hasToken && role === undefined) return new HttpError(401, 'this hub does not know that token', TOKEN_HINT);
  if (role === undefined) {
    const free = need === 'read' && listensOnLoopback && isLoopbackHost(host);
    return free ? undefined : new HttpError(401, DOING[need], TOKEN_HINT);
  }
  if (ROLES[need].includes(role)) return undefined;
  const what = need === 'admin' ? 'administer the hub' : 'start, end or repeat builds';
  return new HttpError(403, `a token with the role ${role} cannot ${what}`, `use one with ${ROLES[need].join(' or ')}`);
}

/** The token of an `Authorization: Bearer …` header; undefined when there is no such header. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1] ?? (header === undefined ? undefined : '');
}

/**
 * Whether a browser sent this for a page of another origin. There are no cookies, so such a request has no rights of its
 * own; a change is refused all the same.
 */
export function isCrossSite(headers: Headers, host: string): boolean {
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin' && site !== 'none') return true;
  const origin = headers.get('origin');
  if (origin === null) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
