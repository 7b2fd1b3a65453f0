import { z } from 'zod';
import { parseDuration } from './duration.ts';
import { describeError } from './errors.ts';
import { parseSize } from './size.ts';

function parsed(parse: (text: string) => number, kind: string) {
  return z.union([z.string(), z.literal(0)], { error: `expected ${kind}` }).transform((value, context) => {
    try {
      return parse(String(value));
    } catch (error) {
      context.addIssue({ code: 'custom', message: describeError(error) });
      return z.NEVER;
    }
  });
}

/** A duration with a unit, in milliseconds after parsing. */
export const durationType = parsed(parseDuration, 'a duration such as 90s or 10m, never a bare number');

/** A size with a unit, in bytes after parsing. */
export const sizeType = parsed(parseSize, 'a size such as 5GiB, never a bare number');
