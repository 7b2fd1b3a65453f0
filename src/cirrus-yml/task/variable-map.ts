import { describeNode, type Entry, type Node } from '../yaml/node.ts';
import { type Reader, reader, reportKind } from './reader.ts';
import { VARIABLES } from './schemas.ts';
import type { Scope } from './scope.ts';
import { expandText } from './texts.ts';

function joinItems(items: readonly Node[]): string | undefined {
  const texts = items.flatMap((item) => (item.kind === 'text' ? [item.text] : []));
  return texts.length === items.length ? texts.join('\n') : undefined;
}

function readValue({ key, at, value }: Entry, scope: Scope): string | undefined {
  const written = value.kind === 'text' ? value.text : value.kind === 'list' ? joinItems(value.items) : undefined;
  if (written !== undefined) return written;
  scope.report.error(at, `"${key}" must be text or a list of texts, not ${describeNode(value)}`);
  return undefined;
}

/** Names with values as written: a map, or a list of maps. Lists as values are joined by line ends. */
export const variableMap: Reader<ReadonlyMap<string, string>> = reader(VARIABLES, (entry, scope) => {
  const maps = entry.value.kind === 'list' ? entry.value.items : [entry.value];
  const variables = new Map<string, string>();
  for (const map of maps) {
    if (map.kind !== 'map') return reportKind({ ...entry, value: map }, 'a map, or a list of maps', scope);
    for (const item of map.entries) {
      const value = readValue(item, scope);
      if (value !== undefined) variables.set(item.key, value);
    }
  }
  return variables;
});

/** The same with variables in the values replaced. */
export const expandedMap: Reader<Record<string, string>> = reader(VARIABLES, (entry, scope) => {
  const pairs = [...(variableMap(entry, scope) ?? [])].map(
    ([name, value]) => [name, expandText(value, entry.at, scope) ?? ''] as const,
  );
  return Object.fromEntries(pairs);
});

/** The same with values as written: a map only. */
export const rawMap: Reader<Record<string, string>> = reader(VARIABLES, (entry, scope) =>
  entry.value.kind === 'map' ? Object.fromEntries(variableMap(entry, scope) ?? []) : reportKind(entry, 'a map', scope),
);
