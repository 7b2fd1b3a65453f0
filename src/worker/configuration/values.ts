import { z } from 'zod';
import { LOG_LEVELS } from '../../lib/log.ts';
import { parseMemory } from '../../lib/memory-size.ts';
import { parseByteCount } from '../../lib/size.ts';

/** Text, or a scalar that YAML reads as something else: `name: 123` is the string `123`. */
export const scalarText = z.union([z.string(), z.number(), z.boolean()], { error: 'expected text' }).transform(String);
export const nonEmptyText = scalarText.refine((text) => text !== '', { error: 'must not be empty' });

const TRUE = /^(?:y|yes|on|true)$/i;
const FALSE = /^(?:n|no|off|false)$/i;

/** YAML's own booleans and the words of older YAML: `yes`, `no`, `on`, `off`. */
export const flag = z
  .union([z.boolean(), z.string()], { error: 'expected true or false' })
  .transform((value, context) => {
    if (typeof value === 'boolean') return value;
    if (TRUE.test(value)) return true;
    if (!FALSE.test(value)) context.addIssue({ code: 'custom', message: 'expected true or false' });
    return false;
  });

const MAX_AMOUNT = 1e9;
const AMOUNT_RANGE = { error: `expected a number from 0 to ${MAX_AMOUNT}` };
const amount = z.number({ error: 'expected a number' }).min(0, AMOUNT_RANGE).max(MAX_AMOUNT, AMOUNT_RANGE);
export const amounts = z.record(z.string(), amount, { error: 'expected a map of resources' });

export function whole(max: number) {
  const error = `expected a whole number from 0 to ${max}`;
  return z.number({ error }).int({ error }).min(0, { error }).max(max, { error });
}

/** MiB after parsing. */
export const memory = z
  .union([z.number(), z.string()], { error: 'expected memory such as 8G' })
  .transform((value, context) => {
    const mebibytes = parseMemory(String(value));
    if (mebibytes === undefined) {
      context.addIssue({ code: 'custom', message: `"${value}" is not an amount of memory; write it like 8G or 512Mb` });
    }
    return mebibytes ?? 0;
  });

/** Bytes after parsing; a bare number is bytes. */
export const byteCount = z
  .union([z.number(), z.string()], { error: 'expected a size such as 100 MB' })
  .transform((value, context) => {
    const bytes = parseByteCount(String(value));
    if (bytes === undefined) {
      context.addIssue({
        code: 'custom',
        message: `"${value}" is not a size; write it like 640 KB, 100 MiB or 1000000`,
      });
    }
    return bytes ?? 0;
  });

export const logLevel = scalarText
  .transform((text) => text.toLowerCase())
  .refine((text) => Object.hasOwn(LOG_LEVELS, text), {
    error: `expected one of ${Object.keys(LOG_LEVELS).join(', ')}`,
  });
