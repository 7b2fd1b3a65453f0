import { INHERITABLE_FIELDS, REPEATABLE_FIELDS } from '../field-names.ts';
import type { Report } from '../report.ts';
import type { Entry, ListNode, MapNode, Node } from './node.ts';

/** What a map becomes step by step while its merge keys are followed. */
export interface Merging {
  readonly entries: Entry[];
  /** Set when a merged list takes the place of the whole map. */
  list: ListNode | undefined;
}

/** Fields whose occurrences are combined later, so that a merge appends them even beside one of the same name. */
const COMBINED = new Set([...INHERITABLE_FIELDS, ...REPEATABLE_FIELDS]);

function mergeMap(merging: Merging, present: Set<string>, map: MapNode): void {
  for (const entry of map.entries) {
    if (present.has(entry.key) && !COMBINED.has(entry.key)) continue;
    present.add(entry.key);
    merging.entries.push({ ...entry, borrowed: true });
  }
}

/**
 * Follows one `<<: value` inside a map. Keys that are already there win, except for fields that are combined anyway.
 * `present` holds the names in `merging.entries` and is kept up to date.
 */
export function followMergeKey(
  merging: Merging,
  present: Set<string>,
  value: Node,
  { at, isAlias, report }: { at: number; isAlias: boolean; report: Report },
): void {
  if (value.kind === 'text') report.error(at, '"<<" merges text', 'give it an alias of a map, such as <<: *defaults');
  else if (value.kind === 'map') mergeMap(merging, present, value);
  else if (isAlias) merging.list = value;
  else {
    for (const item of value.items) {
      if (item.kind === 'map') mergeMap(merging, present, item);
      else report.error(item.at, '"<<" merges a list that holds something else than maps');
    }
  }
}
