/** What a list is asked for: so many, behind this one. */
export interface PageAsk {
  readonly limit: number;
  /** Key of the last one that was listed before; undefined for the beginning. */
  readonly after: string | undefined;
}

/** A part of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Key of the last item when there are more behind it, else null. */
  readonly next: string | null;
}

/** Cuts what was read with a limit of one more than asked for. `keyOf` names an item for the next ask. */
export function pageOf<Item>(read: readonly Item[], limit: number, keyOf: (item: Item) => string): Page<Item> {
  const items = read.slice(0, limit);
  const last = items.at(-1);
  return { items, next: read.length > limit && last !== undefined ? keyOf(last) : null };
}

/** The part of a whole list behind a key, for lists that are small or in memory. Sorts it by that key. */
export function slice<Item>(
  all: readonly Item[],
  { after, limit }: PageAsk,
  keyOf: (item: Item) => string,
): Page<Item> {
  const keyed = all.map((item) => ({ item, key: keyOf(item) })).sort((left, right) => (left.key < right.key ? -1 : 1));
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => key > after);
  const { items, next } = pageOf(rest, limit, ({ key }) => key);
  return { items: items.map(({ item }) => item), next };
}
