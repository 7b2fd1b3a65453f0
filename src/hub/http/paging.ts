import { z } from 'zod';
import type { PageAsk } from '../page.ts';
import { HttpError } from './http-error.ts';

/** Most that one answer lists, whatever was asked for. */
export const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

/** `?limit=` and `?cursor=`, which every list takes. */
export const pageQuery = z.object({
  limit: z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .optional()
    .transform((text) => (text === undefined ? DEFAULT_PAGE : Math.min(MAX_PAGE, Math.max(1, Number(text)))))
    .describe(`How many to list: 1 to ${MAX_PAGE}, by default ${DEFAULT_PAGE}.`),
  cursor: z.string().max(500).optional().describe('`next` of the answer before, for what follows.'),
});

/** Keys travel as text that nobody is tempted to make by hand. */
export function cursorOf(key: string | null): string | null {
  return key === null ? null : Buffer.from(key, 'utf8').toString('base64url');
}

/** Throws `HttpError` 400 for a cursor that this hub did not make. */
export function askOf({ limit, cursor }: z.output<typeof pageQuery>): PageAsk {
  if (cursor === undefined || cursor === '') return { limit, after: undefined };
  const after = Buffer.from(cursor, 'base64url').toString('utf8');
  if (after === '' || cursorOf(after) !== cursor) {
    throw new HttpError(400, 'cursor is not one that this hub gave out', 'take `next` of the answer before');
  }
  return { limit, after };
}
