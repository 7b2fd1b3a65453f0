import type { Role } from '../model.ts';
import { HttpError } from './http-error.ts';

/** Reading shows builds, logs and workers; writing starts builds; reporting tells how a worker's machine stands. */
export type Need = 'read' | 'write' | 'report';

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

const WRITERS: readonly Role[] = ['admin', 'submit'];
const TOKEN_HINT = 'the file admin-token in the data folder of the hub holds one';

/** The refusal, or undefined when the request may go on. */
export function refusalOf(question: AccessQuestion): HttpError | undefined {
  const { need, hasToken, role, ofPool, listensOnLoopback, host } = question;
  if (need === 'report') {
    if (ofPool || (role !== undefined && WRITERS.includes(role))) return undefined;
    return new HttpError(401, 'reporting needs a token', 'the registration token of the pool will do');
  }
  if (hasToken && role === undefined) return new HttpError(401, 'this hub does not know that token', TOKEN_HINT);
  if (need === 'write') {
    if (role === undefined) return new HttpError(401, 'starting builds needs a token', TOKEN_HINT);
    if (!WRITERS.includes(role)) {
      return new HttpError(403, `a token with the role ${role} cannot start builds`, 'use one with submit or admin');
    }
    return undefined;
  }
  if (role !== undefined || (listensOnLoopback && isLoopbackHost(host))) return undefined;
  return new HttpError(401, 'reading needs a token here', TOKEN_HINT);
}

/** The token of an `Authorization: Bearer …` header; undefined when there is no such header. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +([^\s]+) *$/i.exec(header ?? '')?.[1] ?? (header === undefined ? undefined : '');
}
