import type { TextPlace } from './problem.ts';
import type { Report } from './report.ts';
import type { Node } from './yaml/node.ts';

const ENCRYPTED = /^ENCRYPTED\[.*\]$/s;

/** A value that only the closed service had the key for, as it was written, with its place. */
export interface EncryptedValue extends TextPlace {
  readonly text: string;
}

/** Finds such values at each of their places, and warns about them. The text is never shown. */
export function reportEncryptedValues(root: Node, report: Report): EncryptedValue[] {
  const seen = new Set<Node>();
  const found: { readonly at: number; readonly text: string }[] = [];
  const waiting: { readonly node: Node; readonly name: string | undefined }[] = [{ node: root, name: undefined }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, name } = next;
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.kind === 'map') for (const { key, value } of node.entries) waiting.push({ node: value, name: key });
    else if (node.kind === 'list') for (const item of node.items) waiting.push({ node: item, name });
    else if (ENCRYPTED.test(node.text)) {
      found.push({ at: node.at, text: node.text });
      const what = name === undefined ? 'this value' : `"${name}"`;
      report.encrypted(
        node.at,
        `${what} was encrypted for the hosted service, and nothing can decrypt it any more`,
        'give its value to the hub with "pwagent secrets map"',
      );
    }
  }
  return found.sort((left, right) => left.at - right.at).map(({ at, text }) => ({ text, ...report.placeOf(at) }));
}
