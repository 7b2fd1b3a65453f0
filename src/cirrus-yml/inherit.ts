import { INHERITABLE_FIELDS } from './field-names.ts';
import { type Entry, listNode, type MapNode, mapNode, type Node } from './yaml/node.ts';

/** A field of the task with what the root says about it merged below, and the position of its strongest occurrence. */
export type Inherited = ReadonlyMap<string, Entry>;

function mergeEntries(weak: readonly Entry[], strong: readonly Entry[]): Entry[] {
  const merged = [...weak];
  const positions = new Map(weak.map(({ key }, index) => [key, index]).reverse() as [string, number][]); // first wins
  for (const entry of strong) {
    const index = positions.get(entry.key);
    const other = index === undefined ? undefined : merged[index];
    if (index === undefined || other === undefined) positions.set(entry.key, merged.push(entry) - 1);
    else merged[index] = { ...entry, value: mergeNodes(other.value, entry.value, entry.key) };
  }
  return merged;
}

/** Item by item, as the reference does it for the one list that tasks like to complete. */
function mergeItems(weak: readonly Node[], strong: readonly Node[]): Node[] {
  const merged = weak.map((item, index) => {
    const other = strong[index];
    return other === undefined ? item : mergeNodes(item, other);
  });
  return [...merged, ...strong.slice(weak.length)];
}

/** Maps are merged key by key; of everything else the stronger takes the place of the weaker, most lists included. */
function mergeNodes(weak: Node, strong: Node, key?: string): Node {
  if (key === 'additional_containers' && weak.kind === 'list' && strong.kind === 'list') {
    return listNode(strong.at, mergeItems(weak.items, strong.items));
  }
  if (weak.kind !== 'map' || strong.kind !== 'map') return strong;
  return mapNode(strong.at, mergeEntries(weak.entries, strong.entries));
}

/** `env` may be a list of maps; folding it first lets it merge with a map. Repeated variables: the last one wins. */
function foldVariables(node: Node): Node {
  if (node.kind === 'map') return mapNode(node.at, lastOfEach(node.entries));
  if (node.kind !== 'list' || node.items.length === 0) return node;
  const maps = node.items.filter((item) => item.kind === 'map');
  if (maps.length < node.items.length) return node; // told when the field is read
  return mapNode(node.at, lastOfEach(maps.flatMap(({ entries }) => entries)));
}

function lastOfEach(entries: readonly Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [entry.key, entry])).values()];
}

/** Repeated direct children are combined at the position of the first. */
function combineRepeated(node: Node): Node {
  if (node.kind !== 'map' || new Set(node.entries.map(({ key }) => key)).size === node.entries.length) return node;
  return mapNode(node.at, mergeEntries([], node.entries));
}

function isVariables(field: string): boolean {
  return field === 'env' || field === 'environment';
}

/** All inheritable fields of a task: occurrences of the root from top to bottom, then those of the task over them. */
export function inheritFields(root: readonly Entry[], task: MapNode): Inherited {
  const merged = new Map<string, Entry>();
  for (const entry of [...root, ...task.entries]) {
    if (!INHERITABLE_FIELDS.includes(entry.key)) continue;
    const value = isVariables(entry.key) ? foldVariables(entry.value) : entry.value;
    const weaker = merged.get(entry.key);
    const node = weaker === undefined ? value : mergeNodes(weaker.value, value);
    merged.set(entry.key, { ...entry, value: combineRepeated(node) });
  }
  return merged;
}
