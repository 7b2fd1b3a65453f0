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

/** Words that stand for a key of a type other than text when they are not quoted. */
const DATE = /^\d{4}-\d{1,2}-\d{1,2}/;

function isTextKey(key: Scalar): boolean {
  if (key.type !== 'PLAIN') return true;
  return typeof key.value === 'string' && !DATE.test(key.value);
}

/** Turns the YAML library's document into nodes: aliases followed (and shared), merge keys applied, text kept raw. */
export function buildTree(document: Document.Parsed<ParsedNode, true>, text: string, report: Report): Tree {
  /** A node that is still being built is `undefined`: an alias to it would contain itself. */
  const anchored = new Map<string, Node | undefined>();
  const anchors: number[] = [];
  let budget: number = LIMITS.nodes;
  let tooDeep = false;

  function spend(at: number, node: Node, amount: number): Node {
    const before = budget;
    budget -= amount;
    if (budget < 0 && before >= 0) {
      report.error(at, `the file unfolds to more than ${LIMITS.nodes} values`, 'use fewer aliases of aliases');
    }
    if (budget < 0) return textNode(at, '');
    if (node.depth <= LIMITS.depth) return node;
    if (!tooDeep) report.error(at, `more than ${LIMITS.depth} lists and maps stand inside one another`);
    tooDeep = true;
    return textNode(at, '');
  }

  function buildAlias(name: string, at: number): Node {
    const target = anchored.get(name);
    if (target !== undefined) return spend(at, target, target.size);
    const message = anchored.has(name)
      ? `the alias *${name} contains itself`
      : `there is no anchor &${name} before this alias`;
    const hint = anchored.has(name) ? undefined : `write &${name} in front of the value to repeat`;
    report.error(at, message, hint);
    return textNode(at, '');
  }

  function buildScalar(scalar: Scalar, at: number): Node {
    const source = scalar.source ?? '';
    const start = scalar.type === 'QUOTE_DOUBLE' || scalar.type === 'QUOTE_SINGLE' ? at + 1 : at;
    const verbatimAt = text.startsWith(source, start) ? start : undefined;
    return textNode(at, source, scalar.tag, verbatimAt);
  }

  function buildList(list: YAMLSeq, at: number): Node {
    const kept = list.items.filter((item) => !(isScalar(item) && item.value === null && item.tag === undefined));
    return listNode(
      at,
      kept.map((item) => build(item, at)),
    );
  }

  function buildMap(map: YAMLMap, at: number): Node {
    const merging: Merging = { entries: [], list: undefined };
    const present = new Set<string>();
    for (const pair of map.items) {
      const { key, value } = pair;
      const keyAt = offsetOf(key, at);
      if (isScalar(key) && key.anchor !== undefined) anchored.set(key.anchor, buildScalar(key, keyAt));
      if (!isScalar(key) || !isTextKey(key)) {
        const written = isScalar(key) && key.source !== '' ? ` "${key.source}"` : '';
        report.error(keyAt, `the key${written} is not text`, written === '' ? undefined : 'put it in quotes');
        build(value, keyAt);
      } else if (key.type === 'PLAIN' && key.source === '<<') {
        const lost = isAlias(value) && anchored.get(value.source) === undefined;
        const merged = build(value, keyAt);
        if (!lost) followMergeKey(merging, present, merged, { at: keyAt, isAlias: isAlias(value), report });
      } else {
        const name = key.source ?? '';
        present.add(name);
        merging.entries.push({ key: name, at: keyAt, value: build(value, keyAt), borrowed: false });
      }
    }
    if (merging.list === undefined) return mapNode(at, merging.entries);
    for (const { key, at: lostAt } of merging.entries) {
      report.warning(lostAt, `"${key}" is lost: the list merged by "<<" takes the place of the whole map`);
    }
    return merging.list;
  }

  function buildUnanchored(node: unknown, at: number): Node {
    if (isMap(node)) return buildMap(node, at);
    if (isSeq(node)) return buildList(node, at);
    return isScalar(node) ? buildScalar(node, at) : textNode(at, '');
  }

  function build(node: unknown, fallbackAt: number): Node {
    const at = offsetOf(node, fallbackAt);
    if (budget < 0) return textNode(at, '');
    if (isAlias(node)) return buildAlias(node.source, at);
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchored.set(anchor, undefined);
    const built = spend(at, buildUnanchored(node, at), 1);
    if (anchor === undefined) return built;
    anchored.set(anchor, built);
    anchors.push(at);
    return built;
  }

  const root = build(document.contents, 0);
  return { root: budget < 0 || tooDeep ? undefined : root, anchors };
}

function offsetOf(node: unknown, fallback: number): number {
  const range = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range : undefined;
  return range?.[0] ?? fallback;
}
