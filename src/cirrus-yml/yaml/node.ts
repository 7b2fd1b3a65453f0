/**
 * The document as the language sees it: no native values, only text as it was written, and every repeated key kept.
 * Nodes never change, so that aliases and matrix variants share them. `at` is the offset of the first character.
 */
export type Node = MapNode | ListNode | TextNode;

export interface Entry {
  readonly key: string;
  readonly at: number;
  readonly value: Node;
  /** Came through a merge key or a matrix, so that standing beside a key of the same name is no oversight. */
  readonly borrowed: boolean;
}

interface Sized {
  readonly at: number;
  /** Nodes below and including this one, aliases counted in full. */
  readonly size: number;
  /** 1 for text and empty collections. */
  readonly depth: number;
}

export interface MapNode extends Sized {
  readonly kind: 'map';
  readonly entries: readonly Entry[];
}

export interface ListNode extends Sized {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

export interface TextNode extends Sized {
  readonly kind: 'text';
  /** Unquoted and unfolded, otherwise as written: `1.20`, `yes` and `~` stay themselves. */
  readonly text: string;
  /** A tag such as `!foo` in front of the value. */
  readonly tag: string | undefined;
  /** Offset of the first character of `text` where the file holds it letter by letter; undefined after folding or escapes. */
  readonly verbatimAt: number | undefined;
}

function sized(children: readonly Node[]): { size: number; depth: number } {
  let [size, depth] = [1, 0];
  for (const child of children) {
    size += child.size;
    depth = Math.max(depth, child.depth);
  }
  return { size, depth: depth + 1 };
}

export function mapNode(at: number, entries: readonly Entry[]): MapNode {
  return { kind: 'map', at, entries, ...sized(entries.map(({ value }) => value)) };
}

export function listNode(at: number, items: readonly Node[]): ListNode {
  return { kind: 'list', at, items, ...sized(items) };
}

export function textNode(at: number, text: string, tag?: string, verbatimAt?: number): TextNode {
  return { kind: 'text', at, text, tag, verbatimAt, size: 1, depth: 1 };
}

/** A map, or what stands for an empty one because nothing was written; undefined for other text and for lists. */
export function asMap(node: Node): MapNode | undefined {
  if (node.kind === 'map') return node;
  return node.kind === 'text' && node.text === '' && node.tag === undefined ? mapNode(node.at, []) : undefined;
}

/** For messages: `a map`, `a list`, `nothing`, `text`. */
export function describeNode(node: Node): string {
  if (node.kind !== 'text') return `a ${node.kind}`;
  return node.text === '' ? 'nothing' : 'text';
}
