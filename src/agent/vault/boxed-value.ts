import { AppError } from '../../lib/errors.ts';

/** A value that stands for a secret of a Vault server; specification of the agent, 5.5. */
export interface BoxedValue {
  readonly path: string;
  /** Steps into the data of the answer. */
  readonly selector: readonly string[];
  /** Query parameters, in the order they are written. */
  readonly args: readonly (readonly [name: string, value: string])[];
  /** Whether an earlier answer will do. */
  readonly cached: boolean;
}

const PREFIXES = [
  ['VAULT[', true],
  ['VAULT_NOCACHE[', false],
] as const;

function invalid(text: string, why: string): AppError {
  const hint = 'write VAULT[path selector.of.the.value] or VAULT[path selector key=value]';
  return new AppError('CONFIG', `${text} is no value of a Vault: ${why}`, { hint });
}

function argumentOf(word: string, text: string): readonly [string, string] {
  const [name = '', value = '', ...rest] = word.split('=');
  if (name === '' || value === '' || rest.length > 0) throw invalid(text, `"${word}" is not key=value`);
  return [name, value];
}

/** Reads a boxed value; undefined for any other text. Throws `AppError` when it is boxed, but wrong. */
export function parseBoxed(text: string): BoxedValue | undefined {
  const [prefix, cached] = PREFIXES.find(([start]) => text.startsWith(start)) ?? [];
  if (prefix === undefined || cached === undefined || !text.endsWith(']')) return undefined;
  const [path = '', selector, ...words] = text.slice(prefix.length, -1).split(' ');
  if (selector === undefined) throw invalid(text, 'a path and a selector are needed');
  if (path === '') throw invalid(text, 'the path is empty');
  if (selector.includes('=')) throw invalid(text, 'the selector comes before the arguments');
  const steps = selector.split('.');
  if (steps.includes('')) throw invalid(text, 'the selector has an empty part');
  return { path, selector: steps, args: words.map((word) => argumentOf(word, text)), cached };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Goes into the data of an answer. A text is taken as it is, a map as JSON. Throws `AppError` for everything else. */
export function select(data: unknown, selector: readonly string[]): string {
  let value = data;
  for (const [index, step] of selector.entries()) {
    const where = selector.slice(0, index).join('.') || 'the secret';
    if (!isMap(value)) throw new AppError('CONFIG', `${where} has no parts, so there is no "${step}" in it`);
    if (!Object.hasOwn(value, step)) throw new AppError('CONFIG', `there is no "${step}" in ${where}`);
    value = value[step];
  }
  if (typeof value === 'string') return value;
  if (isMap(value)) return JSON.stringify(value);
  throw new AppError('CONFIG', `${selector.join('.')} is neither a text nor a map`);
}
