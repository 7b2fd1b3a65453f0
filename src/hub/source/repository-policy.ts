import { AppError } from '../../lib/errors.ts';
import { wildcardMatches } from '../../lib/wildcard.ts';

/** What a hub that only its own machine reaches may fetch from: whoever can ask it is at home there. */
export const ANY_REPOSITORY: readonly string[] = ['https://*/*', 'http://*/*', 'file:///*'];

const SCHEMES = ['https:', 'http:', 'file:'];

interface Parts {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
}

function partsOf(text: string): Parts | undefined {
  const match = /^([a-z]+:)\/\/([^/]*)(\/.*)$/i.exec(text);
  return match === null ? undefined : { scheme: match[1] ?? '', host: match[2] ?? '', path: match[3] ?? '' };
}

/** Checks one `--allow-repo` pattern. Throws `AppError` (USAGE). */
export function parseRepositoryPattern(text: string): string {
  const parts = partsOf(text);
  if (parts !== undefined && SCHEMES.includes(parts.scheme)) return text;
  const hint = 'write it like https://github.com/acme/*, with https, http or file in front';
  throw new AppError('USAGE', `--allow-repo "${text}" is not a pattern of repositories`, { hint });
}

/** Host and path are matched apart, so that a `*` in the host never reaches into the path. */
function matches(pattern: string, { scheme, host, path }: Parts): boolean {
  const wanted = partsOf(pattern);
  if (wanted === undefined || wanted.scheme !== scheme) return false;
  return wildcardMatches(wanted.host, host) && wildcardMatches(wanted.path, path);
}

/** The metadata services of clouds live there; a pattern has to name such a host to allow it. */
function isLinkLocal(host: string): boolean {
  return /^169\.254\.|^\[fe80:/i.test(host) || /^metadata\./i.test(host) || /^\[fd00:ec2:/i.test(host);
}

/**
 * The address as it may be fetched from. Throws `AppError` (CONFIG) for one that this hub is not allowed to ask: the hub
 * must not be a way into networks that its callers cannot reach themselves.
 */
export function allowedRepository(text: string, patterns: readonly string[]): string {
  const refuse = (why: string, hint: string) => new AppError('CONFIG', `repository ${why}`, { hint });
  const hint = 'write it like https://github.com/acme/app.git';
  if (text.length > 2_000 || !URL.canParse(text)) throw refuse('is not an address', hint);
  const url = new URL(text);
  if (!SCHEMES.includes(url.protocol)) throw refuse(`has the scheme ${url.protocol}// that hubs do not fetch by`, hint);
  if (url.username !== '' || url.password !== '') {
    const where = 'map the token with "pwagent secrets map CIRRUS_REPO_CLONE_TOKEN --repo URL" instead';
    throw refuse('has credentials in its address', where);
  }
  if (url.search !== '' || url.hash !== '') throw refuse('has more than a path in its address', hint);
  const parts = { scheme: url.protocol, host: url.host, path: url.pathname };
  const allowed = patterns.some((pattern) => {
    const named = !isLinkLocal(url.hostname) || partsOf(pattern)?.host === url.host;
    return named && matches(pattern, parts);
  });
  if (allowed) return url.href;
  throw refuse(`${url.href} is not among those that this hub may fetch`, 'start the hub with --allow-repo PATTERN');
}

/** Names a repository for settings that belong to it: `github.com/acme/app`, whatever way its address was written. */
export function repositoryKey(text: string): string {
  if (!URL.canParse(text)) return text.replace(/\.git$/, '').replace(/^\/+|\/+$/g, '');
  const { host, pathname } = new URL(text);
  const path = pathname.replace(/\/+$/, '').replace(/\.git$/, '');
  return host === '' ? path : `${host}${path}`;
}
