import type { Command } from 'commander';
import type { z } from 'zod';
import { AppError } from '../../lib/errors.ts';
import type { Session } from './verbs.ts';

const DEFAULT_LIMIT = 50;
/** What the hub lists in one answer. */
const PAGE = 200;

export function withLimit(command: Command): Command {
  return command.option('--limit <count>', `list at most so many (default: ${DEFAULT_LIMIT})`);
}

function limitOf(flags: Record<string, unknown>): number {
  const text = String(flags.limit ?? DEFAULT_LIMIT);
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new AppError('USAGE', `--limit "${text}" is not a count`, { hint: 'write it like --limit 200' });
}

/** A path with those parameters that have a value. */
export function withQuery(path: string, query: Readonly<Record<string, unknown>>): string {
  const known = Object.entries(query).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const text = new URLSearchParams(known.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}

/** How an answer that lists something looks. */
interface ListAnswer<Answer, Item> {
  readonly schema: z.ZodType<Answer>;
  readonly items: (answer: Answer) => readonly Item[];
}

/** Asks for a list, part after part, up to `--limit`. `next` is null once everything was listed. */
export async function listAll<Answer extends { readonly next: string | null }, Item>(
  { api, context }: Session,
  flags: Record<string, unknown>,
  path: string,
  { schema, items: itemsOf }: ListAnswer<Answer, Item>,
  query: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly items: Item[]; readonly next: string | null }> {
  const limit = limitOf(flags);
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const part = { ...query, limit: Math.min(PAGE, limit - items.length), cursor: cursor ?? undefined };
    const answer: Answer = await api.ask(withQuery(path, part), schema, context.stop);
    items.push(...itemsOf(answer));
    cursor = answer.next;
  } while (cursor !== null && items.length < limit);
  return { items, next: cursor };
}
