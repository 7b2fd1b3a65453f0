import type { Report } from './report.ts';
import type { Node } from './yaml/node.ts';

const ENCRYPTED = /^ENCRYPTED\[.*\]$/s;

/** Warns, at each of its places, about text that only the closed service had the keys for. The text is never shown. */
export function reportEncryptedValues(root: Node, report: Report): void {
  const seen = new Set<Node>();
  const waiting: { readonly node: Node; readonly name: string | undefined }[] = [{ node: root, name: undefined }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, name } = next;
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.kind === 'map') for (const { key, value } of node.entries) waiting.push({ node: value, name: key });
    else if (node.kind === 'list') for (const item of node.items) waiting.push({ node: item, name });
    else if (ENCRYPTED.test(node.text)) {
      const message = `${name === undefined ? 'this value' : `"${name}"`} was encrypted for the hosted service, and nothing can decrypt it any more`;
      report.warning(node.at, message, 'pass the secret as a variable from outside instead');
    }
  }
}
