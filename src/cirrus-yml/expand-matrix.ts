import { LIMITS } from './limits.ts';
import type { Report } from './report.ts';
import { type Entry, listNode, type MapNode, mapNode, type Node } from './yaml/node.ts';

interface FoundMatrix {
  readonly at: number;
  readonly value: Node;
  /** The whole tree with the matrix's entry replaced by others. */
  replace(entries: readonly Entry[]): Node;
}

/** What is left of the bounds that all matrices of a file share. */
export interface MatrixBudget {
  tasks: number;
  nodes: number;
  /** Nodes that every task gets from the root. */
  readonly inheritedNodes: number;
}

/** First key `matrix` in a walk in the order of the document, lists included. */
export function findMatrix(node: Node): FoundMatrix | undefined {
  if (node.kind === 'text') return undefined;
  const children = node.kind === 'map' ? node.entries.map(({ value }) => value) : node.items;
  for (const [index, child] of children.entries()) {
    const entry = node.kind === 'map' ? node.entries[index] : undefined;
    if (node.kind === 'map' && entry?.key === 'matrix') {
      const replace = (entries: readonly Entry[]) => mapNode(node.at, node.entries.toSpliced(index, 1, ...entries));
      return { at: entry.at, value: entry.value, replace };
    }
    const found = findMatrix(child);
    if (found === undefined) continue;
    return { ...found, replace: (entries) => withChild(node, index, found.replace(entries)) };
  }
  return undefined;
}

function withChild(node: Exclude<Node, { kind: 'text' }>, index: number, child: Node): Node {
  if (node.kind === 'list') return listNode(node.at, node.items.with(index, child));
  return mapNode(
    node.at,
    node.entries.map((entry, position) => (position === index ? { ...entry, value: child } : entry)),
  );
}

function borrow(entry: Entry): Entry {
  return { ...entry, borrowed: true };
}

/** In place of a wrong variant: its task stays, so that those that depend on it are not called wrong as well. */
const NOTHING: readonly Entry[] = [];

/** The entries that each variant puts in place of `matrix`: one pair of a map, or all pairs of a list item. */
function variantsOf({ at, value }: FoundMatrix, report: Report): (readonly Entry[])[] {
  if (value.kind === 'text') {
    report.error(at, 'a matrix must be a map or a list of maps', 'write one variant for each item');
    return [NOTHING];
  }
  const count = value.kind === 'map' ? value.entries.length : value.items.length;
  if (count === 0) {
    report.error(at, 'a matrix without variants leaves no task', 'add a variant or remove the key');
    return [NOTHING];
  }
  if (value.kind === 'map') return value.entries.map((entry) => [borrow(entry)]);
  return value.items.flatMap((item) => {
    if (item.kind === 'map') return [item.entries.map(borrow)];
    report.error(item.at, 'a variant of a matrix must be a map', 'write what it adds as "key: value"');
    return [NOTHING];
  });
}

/**
 * Multiplies the body of a task by every matrix in it. The matrix that is found first varies slowest; a variant may
 * bring further matrices. Stops with an error when the budget is used up.
 */
export function expandMatrix(body: MapNode, at: number, budget: MatrixBudget, report: Report): MapNode[] {
  const finished: MapNode[] = [];
  const waiting: Node[] = [body];
  while (waiting.length > 0) {
    const node = waiting.pop();
    if (node?.kind !== 'map') break;
    budget.nodes -= node.size;
    const found = findMatrix(node);
    if (found === undefined) {
      finished.push(node);
      budget.tasks -= 1;
      budget.nodes -= budget.inheritedNodes;
    } else {
      const variants = variantsOf(found, report);
      if (variants.length > LIMITS.tasks) budget.tasks = -1;
      else waiting.push(...variants.map((entries) => found.replace(entries)).reverse());
    }
    if (budget.tasks >= 0 && budget.nodes >= 0) continue;
    report.error(at, `the file asks for more than ${LIMITS.tasks} tasks, or for too large ones`, 'use fewer variants');
    return [];
  }
  return finished;
}
