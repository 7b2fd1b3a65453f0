import { AppError } from '../../lib/errors.ts';
import type { Environment } from '../../platform/environment.ts';

/** Name and password for one host. */
export interface Credentials {
  /** Scheme, host and port, without a slash at the end. */
  readonly origin: string;
  readonly username: string;
  readonly password: string;
}

/** An address of a repository as everybody may see it, with what is secret about it. */
export interface CloneAddress {
  /** What git remembers, prints and is told on its command line: nothing secret in it. */
  readonly shown: string;
  /** What git tells the host in a header, so that they are in no address and no command line. */
  readonly credentials?: Credentials;
  /** Beginnings of the shown and of the real address, for git's `url.REAL.insteadOf = SHOWN`; absent when they are equal. */
  readonly rewrite?: { readonly shown: string; readonly real: string };
  /** Parts that logs must not show. */
  readonly secrets: readonly string[];
}

const REDACTED = 'redacted';

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign: the text stands for itself
  }
}

/** With a password the name is none of it (`x-access-token`); alone it may be the token. */
function secretsOf({ username, password }: URL): string[] {
  const secret = password === '' ? username : password;
  return [secret, decoded(secret)];
}

function credentialsOf(url: URL | undefined): Credentials | undefined {
  if (url === undefined || url.username === '' || !/^https?:$/.test(url.protocol)) return undefined;
  return { origin: url.origin, username: decoded(url.username), password: decoded(url.password) };
}

function endOfLast(text: string, part: string): number {
  const at = text.lastIndexOf(part);
  return at < 0 ? 0 : at + part.length;
}

/** The host belongs to the part that is rewritten, or a submodule on another host would be sent the credentials. */
function endOfHost(real: string, start: number): number {
  const slash = real.indexOf('/', start);
  return start === 0 || slash < 0 ? start : slash + 1;
}

/**
 * Takes user name, password and everything in `known` that is secret out of the address. What stays is enough for
 * people to know the repository, and for relative addresses of submodules.
 */
export function redactAddress(real: string, known: readonly string[]): CloneAddress {
  const url = /^[a-z][a-z+.-]*:\/\//i.test(real) && URL.canParse(real) ? new URL(real) : undefined;
  const authority = url === undefined ? '' : /^[a-z+.-]+:\/\/(?:[^/@]*@)?/i.exec(real)?.[0];
  const hasUser = authority?.endsWith('@') ?? false;
  const all = [...(hasUser && url !== undefined ? secretsOf(url) : []), ...known];
  const secrets = all.filter((secret) => secret.length > 3);
  const start = hasUser ? (authority?.length ?? 0) : 0;
  const cut = Math.max(start, ...secrets.map((secret) => endOfLast(real, secret)));
  if (cut === 0) return { shown: real, secrets };
  const scheme = hasUser ? `${url?.protocol}//` : '';
  const credentials = credentialsOf(url);
  if (credentials !== undefined && cut === start)
    return { shown: `${scheme}${real.slice(start)}`, credentials, secrets };
  const end = Math.max(cut, endOfHost(real, start));
  const head = secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), real.slice(start, end));
  const shown = `${scheme}${head}`;
  return { shown: `${shown}${real.slice(end)}`, rewrite: { shown, real: real.slice(0, end) }, secrets };
}

/** The address that a task's variables name, or undefined. With a token of its own it is that of the hosting service. */
export function cloneUrlOf(environment: Environment): string | undefined {
  const { CIRRUS_REPO_CLONE_TOKEN: token, CIRRUS_REPO_CLONE_HOST: host, CIRRUS_REPO_FULL_NAME: name } = environment;
  if (token === undefined) return environment.CIRRUS_REPO_CLONE_URL || undefined;
  if (host === undefined || name === undefined) {
    const hint = 'the server must send CIRRUS_REPO_CLONE_HOST and CIRRUS_REPO_FULL_NAME with the token';
    throw new AppError('CONFIG', 'a clone token came without the repository that it is for', { hint });
  }
  return `https://x-access-token:${encodeURIComponent(token)}@${host}/${name}.git`;
}
