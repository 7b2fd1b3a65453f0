import type { z } from 'zod';
import { wrongReport } from './finding.ts';

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrongReport(`it is no JSON (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

function check<T>(value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw wrongReport(`its JSON has another shape at ${issue?.path.join('.') || 'the top'}: ${issue?.message}`);
}

/** Reads one JSON value of the shape `schema`. Throws `AppError` (CONFIG). */
export function readJson<T>(text: string, schema: z.ZodType<T>): T {
  return check(parse(text.replace(/^\uFEFF/, '')), schema);
}

/** Reads JSON values, one a line; empty lines are skipped. Throws `AppError` (CONFIG) with the line. */
export function readJsonLines<T>(text: string, schema: z.ZodType<T>): T[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return [];
      try {
        return [check(parse(line), schema)];
      } catch (error) {
        throw wrongReport(`line ${index + 1}: ${error instanceof Error ? error.message : String(error)}`, error);
      }
    });
}

/** Splits text into the JSON values that follow each other in it, whatever stands between them is white space. */
function* jsonValues(text: string): Generator<string> {
  let [depth, start, inString] = [0, -1, false];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') {
      if (depth === 0) start = at;
      depth += 1;
    } else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) yield text.slice(start, at + 1);
    } else if (depth === 0 && character.trim() !== '') throw wrongReport(`it is no JSON at character ${at + 1}`);
  }
  if (depth !== 0 || inString) throw wrongReport('its last JSON value is cut off');
}

/** Reads objects or lists that follow each other. Throws `AppError` (CONFIG). */
export function readJsonStream<T>(text: string, schema: z.ZodType<T>): T[] {
  return [...jsonValues(text.replace(/^\uFEFF/, ''))].map((value) => check(parse(value), schema));
}
