import { nearest } from '../../lib/nearest.ts';
import { describeNode, type Entry, type MapNode } from '../yaml/node.ts';
import type { JsonSchema } from './schemas.ts';
import type { Scope } from './scope.ts';

/** Reads the value of one key. Reports what is wrong at the key and then returns undefined. Never throws. */
export interface Reader<Value> {
  (entry: Entry, scope: Scope): Value | undefined;
  /** What the value may look like, for editors. */
  readonly schema: JsonSchema;
}

/** Makes a reader out of a function and the schema of what it reads. */
export function reader<Value>(
  schema: JsonSchema,
  read: (entry: Entry, scope: Scope) => Value | undefined,
): Reader<Value> {
  return Object.assign((entry: Entry, scope: Scope) => read(entry, scope), { schema });
}

/** Reads one key into its property of `target`. */
export interface FieldReader<Target> {
  (entry: Entry, scope: Scope, target: Target): void;
  readonly schema: JsonSchema;
}

/** Makes a field that does more than to fill one property. */
export function field<Target>(
  schema: JsonSchema,
  read: (entry: Entry, scope: Scope, target: Target) => void,
): FieldReader<Target> {
  return Object.assign((entry: Entry, scope: Scope, target: Target) => read(entry, scope, target), { schema });
}

/** The keys of one map and what becomes of them: the single source of which keys are known. */
export type FieldTable<Target> = Readonly<Record<string, FieldReader<Target>>>;

/** Makes the fields of a table: `const tart = fieldsOf<Tart>(); … image: tart('image', text)`. */
export function fieldsOf<Target>() {
  return <P extends keyof Target>(property: P, read: Reader<Target[P]>): FieldReader<Target> =>
    field(read.schema, (entry, scope, target) => {
      const value = read(entry, scope);
      if (value !== undefined) target[property] = value;
    });
}

/** Complains about the kind of a value: `"labels" must be a map, not text`. */
export function reportKind({ key, at, value }: Entry, expected: string, scope: Scope, hint?: string): undefined {
  scope.report.error(at, `"${key}" must be ${expected}, not ${describeNode(value)}`, hint);
  return undefined;
}

/**
 * Warns about a key that nothing reads, with the known one that was probably meant: one of `known`, or any name with one
 * of `suffixes`, for instructions have names of their own (`lint_scirpt`).
 */
export function reportUnknownKey(
  { key, at }: Entry,
  inside: string,
  known: readonly string[],
  scope: Scope,
  suffixes: readonly string[] = [],
): void {
  const hint = () => {
    const prefix = /^.+_(?=[^_]+$)/.exec(key)?.[0];
    const guess = nearest(key, [...known, ...(prefix === undefined ? [] : suffixes.map((suffix) => prefix + suffix))]);
    return guess === undefined ? `known keys: ${known.join(', ')}` : `did you mean "${guess}"?`;
  };
  scope.report.unknown(at, `unknown key "${key}" in ${inside}`, hint);
}

/** Only the last occurrence of a key counts. Warns when both were written by hand at the same place. */
export function lastOccurrences(entries: readonly Entry[], scope: Scope, repeatable: readonly string[] = []): Entry[] {
  const last = new Map(entries.map((entry) => [entry.key, entry]));
  return entries.filter((entry) => {
    const winner = last.get(entry.key);
    if (winner === entry || repeatable.includes(entry.key)) return true;
    if (!entry.borrowed && winner?.borrowed === false) {
      scope.report.warning(entry.at, `"${entry.key}" is written again below, and only the last one counts`);
    }
    return false;
  });
}

/** Reads all keys of a map into `target` by a table; `inside` names the map in messages. Unknown keys are warnings. */
export function readFields<Target>(
  map: MapNode,
  table: FieldTable<Target>,
  inside: string,
  scope: Scope,
  target: Target,
): Target {
  for (const entry of lastOccurrences(map.entries, scope)) {
    const known = Object.hasOwn(table, entry.key) ? table[entry.key] : undefined;
    if (known === undefined) reportUnknownKey(entry, inside, Object.keys(table), scope);
    else known(entry, scope, target);
  }
  return target;
}
