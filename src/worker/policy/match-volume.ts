import { wildcardMatches } from '../../lib/wildcard.ts';
import type { RealPath } from '../../platform/real-path.ts';
import type { VolumeRule } from './security-policy.ts';

/** Follows an absolute path; see `realPathOf`. */
export type FollowPath = (path: string) => Promise<RealPath>;

/** The part of a rule that names a real directory: all of it, or up to the last slash before the first `*`. */
function literalPart(source: string): string {
  const star = source.indexOf('*');
  return star < 0 ? source : source.slice(0, source.lastIndexOf('/', star) + 1);
}

/**
 * A rule whose directory is a link means the directory behind it (`/tmp` of macOS is `/private/tmp`). One that cannot
 * be followed is taken as written.
 */
async function realRule(source: string, follow: FollowPath): Promise<string> {
  const literal = literalPart(source);
  if (!literal.startsWith('/')) return source;
  const base = await follow(literal).then(
    ({ path }) => path,
    () => `/${literal.split('/').filter(Boolean).join('/')}`,
  );
  const rest = source.slice(literal.length);
  return rest === '' || base === '/' ? `${base}${rest}` : `${base}/${rest}`;
}

/** Whether a rule, links followed, covers a real path. */
export function ruleCovers(rule: string, path: string, foldsCase: boolean): boolean {
  const same = (text: string) => (foldsCase ? text.normalize('NFC').toLowerCase() : text);
  const [pattern, text] = [same(rule), same(path)];
  if (wildcardMatches(pattern, text)) return true;
  return pattern.endsWith('/*') && wildcardMatches(pattern.slice(0, -2), text);
}

/** The first rule that covers the path decides; undefined when none does. */
export async function decidingRule(
  rules: readonly VolumeRule[],
  { path, foldsCase }: RealPath,
  follow: FollowPath,
): Promise<VolumeRule | undefined> {
  for (const rule of rules) {
    if (ruleCovers(await realRule(rule.source, follow), path, foldsCase)) return rule;
  }
  return undefined;
}
