import { type Armed, requireArmed } from '../../platform/armed.ts';
import type { FeedProgram } from '../../platform/feed-program.ts';
import { blockCommands, parsePfToken, unblockCommands } from './rules.ts';

const COMMAND_MS = 10_000;

export interface GuardDeps {
  readonly platform: string;
  readonly feed: FeedProgram;
}

export type Guard =
  | {
      readonly active: true;
      /** Takes the guard away. Resolves to null or to what went wrong; never rejects. */
      readonly remove: (signal: AbortSignal) => Promise<string | null>;
    }
  | { readonly active: false; readonly why: string };

/** Takes away whatever guard there is, a predecessor's too. Resolves to null or to what went wrong. */
export async function unblockMetadata(
  { platform, feed }: GuardDeps,
  signal: AbortSignal,
  pfToken?: string,
): Promise<string | null> {
  const problems: string[] = [];
  for (const { argv, input } of unblockCommands(platform, pfToken)) {
    const { problem } = await feed(argv, input, COMMAND_MS, signal);
    if (problem !== null) problems.push(problem);
  }
  return problems.length === 0 ? null : problems.join('; ');
}

/**
 * Keeps the user from the metadata service. Only for an armed supervisor (`requireArmed`), never for root, which needs
 * it. Each command takes at most 10 s; what fails makes the guard inactive with the reason, and leaves nothing behind.
 */
export async function blockMetadataFor(
  uid: number,
  permit: Armed,
  deps: GuardDeps,
  signal: AbortSignal,
): Promise<Guard> {
  requireArmed(permit);
  if (!Number.isInteger(uid) || uid <= 0) return { active: false, why: 'the worker is root, which cannot be kept out' };
  const told: string[] = [];
  for (const { argv, input } of blockCommands(deps.platform, uid)) {
    const { problem, said } = await deps.feed(argv, input, COMMAND_MS, signal);
    if (problem !== null) {
      await unblockMetadata(deps, signal);
      return { active: false, why: problem };
    }
    told.push(said);
  }
  const token = parsePfToken(told.join('\n'));
  return { active: true, remove: (leaving) => unblockMetadata(deps, leaving, token) };
}
