import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { nearest } from '../../lib/nearest.ts';
import { LIMITS } from '../limits.ts';
import type { Report } from '../report.ts';
import { followMergeKey, type Merging } from './merge-keys.ts';
import { listNode, mapNode, type Node, textNode } from './node.ts';

interface Tree {
  /** Undefined when the tree grew beyond a limit; the report says which. */
  readonly root: Node | undefined;
  /** Offsets of all nodes that carry an anchor, in order. */
  readonly anchors: readonly number[];
}

/** The reference takes an unquoted date for a date, and refuses it as a key. */
const DATE = /^\d{4}-\d{1,2}-\d{1,2}/;

function isTextKey(key: Scalar): boolean {
  if (key.type !== 'PLAIN') return true;
  return typeof key.value === 'string' && !DATE.test(key.value);
}

class TreeBuilder {
  /** A node that is still being built is `undefined`: an alias to it would contain itself. */
  readonly #anchored = new Map<string, Node | undefined>();
  readonly #ranges = new Map<string, { start: number; end: number }>();
  readonly #latest = new Map<string, unknown>();
  readonly anchors: number[] = [];
  /** Anchors that no alias has named yet, with the place to say so. */
  readonly #unused = new Map<string, number>();
  #budget: number = LIMITS.nodes;
  #tooDeep = false;

  constructor(
    readonly text: string,
    readonly report: Report,
  ) {}

  #spend(at: number, node: Node, amount: number): Node {
    const before = this.#budget;
    this.#budget -= amount;
    if (this.#budget < 0 && before >= 0) {
      this.report.error(at, `the file unfolds to more than ${LIMITS.nodes} values`, 'use fewer aliases of aliases');
    }
    if (this.#budget < 0) return textNode(at, '');
    if (node.depth <= LIMITS.depth) return node;
    if (!this.#tooDeep) this.report.error(at, `more than ${LIMITS.depth} lists and maps stand inside one another`);
    this.#tooDeep = true;
    return textNode(at, '');
  }

  /** Anchors may be used again for another value; only the last one counts then. */
  #announce(anchor: string, at: number): void {
    this.reportUnused(anchor);
    this.#anchored.set(anchor, undefined);
    const written = this.text.lastIndexOf(`&${anchor}`, at);
    this.#unused.set(anchor, written < 0 ? at : written);
  }

  reportUnused(anchor: string): void {
    const at = this.#unused.get(anchor);
    if (at !== undefined)
      this.report.warning(at, `the anchor &${anchor} is never used`, 'remove it, or check its name');
  }

  /** Whether some limit was met, so that the tree is not what the file says. */
  isIncomplete(): boolean {
    return this.#budget < 0 || this.#tooDeep;
  }

  finish(): void {
    if (this.isIncomplete()) return;
    for (const anchor of this.#unused.keys()) this.reportUnused(anchor);
  }

  #buildAlias(name: string, at: number): Node {
    const target = this.#anchored.get(name);
    this.#unused.delete(name);
    const range = this.#ranges.get(name);
    if (range !== undefined) this.report.aliasUsed({ at, ...range });
    if (target !== undefined) return this.#spend(at, target, target.size);
    const message = this.#anchored.has(name)
      ? `the alias *${name} contains itself`
      : `there is no anchor &${name} before this alias`;
    this.report.error(at, message, this.#anchored.has(name) ? undefined : this.#anchorHint(name));
    return textNode(at, '');
  }

  #anchorHint(name: string): string {
    const guess = nearest(name, this.#anchored.keys());
    return guess === undefined ? `write &${name} in front of the value to repeat` : `did you mean *${guess}?`;
  }

  #buildScalar(scalar: Scalar, at: number): Node {
    const source = scalar.source ?? '';
    const start = scalar.type === 'QUOTE_DOUBLE' || scalar.type === 'QUOTE_SINGLE' ? at + 1 : at;
    const verbatimAt = this.text.startsWith(source, start) ? start : undefined;
    return textNode(at, source, scalar.tag, verbatimAt);
  }

  #buildList(list: YAMLSeq, at: number): Node {
    const kept = list.items.filter((item) => !(isScalar(item) && item.value === null && item.tag === undefined));
    return listNode(
      at,
      kept.map((item) => this.build(item, at)),
    );
  }

  #buildMap(map: YAMLMap, at: number): Node {
    const merging: Merging = { entries: [], list: undefined };
    const present = new Set<string>();
    for (const pair of map.items) {
      const { key, value } = pair;
      const keyAt = offsetOf(key, at);
      if (isScalar(key) && key.anchor !== undefined) this.#anchored.set(key.anchor, this.#buildScalar(key, keyAt));
      if (!isScalar(key) || !isTextKey(key)) {
        const written = isScalar(key) && key.source !== '' ? ` "${key.source}"` : '';
        this.report.error(keyAt, `the key${written} is not text`, written === '' ? undefined : 'put it in quotes');
        this.build(value, keyAt);
      } else if (key.type === 'PLAIN' && key.source === '<<') {
        const lost = isAlias(value) && this.#anchored.get(value.source) === undefined;
        const merged = this.build(value, keyAt);
        if (!lost)
          followMergeKey(merging, present, merged, { at: keyAt, isAlias: isAlias(value), report: this.report });
      } else {
        const name = key.source ?? '';
        present.add(name);
        merging.entries.push({ key: name, at: keyAt, value: this.build(value, keyAt), borrowed: false });
      }
    }
    if (merging.list === undefined) return mapNode(at, merging.entries);
    for (const { key, at: lostAt } of merging.entries) {
      this.report.warning(lostAt, `"${key}" is lost: the list merged by "<<" takes the place of the whole map`);
    }
    return merging.list;
  }

  #buildUnanchored(node: unknown, at: number): Node {
    if (isMap(node)) return this.#buildMap(node, at);
    if (isSeq(node)) return this.#buildList(node, at);
    return isScalar(node) ? this.#buildScalar(node, at) : textNode(at, '');
  }

  build(node: unknown, fallbackAt: number): Node {
    const at = offsetOf(node, fallbackAt);
    if (this.#budget < 0) return textNode(at, '');
    if (isAlias(node)) return this.#buildAlias(node.source, at);
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) {
      this.#announce(anchor, at);
      this.#latest.set(anchor, node);
    }
    const built = this.#spend(at, this.#buildUnanchored(node, at), 1);
    if (anchor === undefined) return built;
    this.anchors.push(at);
    if (this.#latest.get(anchor) !== node) return built; // an anchor of the same name inside came later in the text
    this.#anchored.set(anchor, built);
    this.#ranges.set(anchor, { start: at, end: endOf(node, at) });
    return built;
  }
}

/** Turns the YAML library's document into nodes: aliases followed (and shared), merge keys applied, text kept raw. */
export function buildTree(document: Document.Parsed<ParsedNode, true>, text: string, report: Report): Tree {
  const builder = new TreeBuilder(text, report);
  const root = builder.build(document.contents, 0);
  builder.finish();
  return { root: builder.isIncomplete() ? undefined : root, anchors: builder.anchors };
}

function offsetOf(node: unknown, fallback: number): number {
  const range = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range : undefined;
  return range?.[0] ?? fallback;
}

function endOf(node: unknown, fallback: number): number {
  const range = isMap(node) || isSeq(node) || isScalar(node) ? node.range : undefined;
  return range?.[1] ?? fallback;
}
