import { nearest } from '../../lib/nearest.ts';
import { describeNode, type Entry, type MapNode, type Node, type TextNode } from '../yaml/node.ts';
import type { Scope } from './scope.ts';

/** Reads the value of one key. Reports what is wrong at the key and then returns undefined. Never throws. */
export type Reader<Value> = (entry: Entry, scope: Scope) => Value | undefined;

/** Reads one key into its property of `target`. */
export type FieldReader<Target> = (entry: Entry, scope: Scope, target: Target) => void;

/** The keys of one map and what becomes of them: the single source of which keys are known. */
export type FieldTable<Target> = Readonly<Record<string, FieldReader<Target>>>;

/** Makes the fields of a table: `const tart = fieldsOf<Tart>(); … image: tart('image', text)`. */
export function fieldsOf<Target>() {
  return <P extends keyof Target>(property: P, read: Reader<Target[P]>): FieldReader<Target> =>
    (entry, scope, target) => {
      const value = read(entry, scope);
      if (value !== undefined) target[property] = value;
    };
}

/** Complains about the kind of a value: `"labels" must be a map, not text`. */
export function reportKind({ key, at, value }: Entry, expected: string, scope: Scope): undefined {
  scope.report.error(at, `"${key}" must be ${expected}, not ${describeNode(value)}`);
  return undefined;
}

/** Warns about a key that nothing reads, with the known one that was probably meant. */
export function reportUnknownKey({ key, at }: Entry, inside: string, known: Iterable<string>, scope: Scope): void {
  const names = [...known];
  const guess = nearest(key, names);
  const hint = guess === undefined ? `known keys: ${names.join(', ')}` : `did you mean "${guess}"?`;
  scope.report.warning(at, `unknown key "${key}" in ${inside}`, hint);
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

/** Replaces variables; reports a value that grows without bound. */
export function expandText(text: string, at: number, scope: Scope): string | undefined {
  const expanded = scope.variables.expand(text);
  if (expanded !== undefined) return expanded;
  scope.report.error(at, 'the variables in this value expand without end', 'let no variable mention itself');
  return undefined;
}

/** The text of a value as written. */
export const rawText: Reader<string> = (entry, scope) =>
  entry.value.kind === 'text' ? entry.value.text : reportKind(entry, 'text', scope);

/** Text with its variables replaced. */
export const text: Reader<string> = (entry, scope) => {
  const raw = rawText(entry, scope);
  return raw === undefined ? undefined : expandText(raw, entry.at, scope);
};

/** An item of a list value together with the place to complain at. */
export interface PlacedText {
  readonly text: string;
  readonly at: number;
}

/** An item that only becomes `[a, b]` through a variable stands for its parts. */
function splitExpanded(raw: string, expanded: string): string[] {
  const inner = raw === expanded ? undefined : /^\[(.*)\]$/s.exec(expanded)?.[1];
  return inner === undefined ? [expanded] : inner.split(',').map((part) => part.trim());
}

function isText(node: Node): node is TextNode {
  return node.kind === 'text';
}

/** Text or a list of texts, variables replaced, with the place of each. */
export const placedTexts: Reader<PlacedText[]> = (entry, scope) => {
  const { value, at } = entry;
  if (value.kind === 'map') return reportKind(entry, 'text or a list of texts', scope);
  const items = value.kind === 'list' ? value.items : [value];
  if (!items.every(isText))
    return reportKind({ ...entry, value: items.find((item) => !isText(item)) ?? value }, 'a list of texts', scope);
  return items.flatMap((item) => {
    const place = value.kind === 'list' ? item.at : at;
    const expanded = expandText(item.text, place, scope);
    return expanded === undefined ? [] : splitExpanded(item.text, expanded).map((part) => ({ text: part, at: place }));
  });
};

/** Text or a list of texts, variables replaced. */
export const texts: Reader<string[]> = (entry, scope) => placedTexts(entry, scope)?.map((item) => item.text);
